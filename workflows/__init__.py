"""Deterministic: one process of the business per file."""
