"""Composition roots: task queues, their workers, and the outbox relay."""
