"""Use cases: a function with a database session handed in. Nothing here commits."""
