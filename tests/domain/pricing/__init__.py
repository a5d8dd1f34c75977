"""The pricing engine, tested without anything running."""
