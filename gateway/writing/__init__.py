"""The one way into Postgres: a batch of facts from many stations in one transaction.

A batch is loaded, computed in plain Python, and saved with one set-based statement per table.
"""
