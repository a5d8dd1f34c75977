"""Hypothesis against whole gateways; what must hold (DESIGN section 5, G1 to G5) is the oracle."""
