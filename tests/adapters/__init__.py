"""Adapters, beside the independent programs that they speak to."""
