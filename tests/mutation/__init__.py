"""Wrong behaviours, planted one at a time: does the suite of the pricing engine catch each?

`python -m tests.mutation` (or `make mutations`) tells.
"""
