"""Pure rules of the business: values in, values out.

No I/O, no clock, no randomness; the standard library only, so that workflows may import it.
"""
