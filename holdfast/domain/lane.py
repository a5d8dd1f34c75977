"""Lanes of the outbox: each workflow's rows travel in one, and a relay owns a lane at a time."""

from hashlib import blake2b

LANES = 64


def lane(workflow_id: str) -> int:
    """Which lane carries this workflow: stable across processes and versions."""
    return blake2b(workflow_id.encode(), digest_size=2).digest()[0] % LANES
