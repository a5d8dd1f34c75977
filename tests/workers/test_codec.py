"""A payload codec handed to the composition roots: Temporal then keeps nothing in the clear."""

from base64 import b64decode
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import PayloadCodec

from cli.rebuild import rebuild
from holdfast.adapters.temporal import connect
from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.sessions import SessionResult
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from tests.activities.rows import Network, account, session, settlement_of
from tests.workers.conftest import serving
from tests.workers.test_workers import all_sent, tell_end, tell_start, until

pytestmark = pytest.mark.usefixtures("nothing_left_running")

ENCODING = b"binary/turned"


class Turned(PayloadCodec):
    """Turns every bit: no secret, but nothing that can be read by accident either."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload(metadata={"encoding": ENCODING}, data=turned(payload.SerializeToString()))
            for payload in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload.FromString(turned(payload.data))
            if payload.metadata.get("encoding") == ENCODING
            else payload
            for payload in payloads
        ]


def turned(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


def contents(found: Any) -> list[bytes]:
    """The data of every payload in a history, but for what Temporal itself has to read."""
    if isinstance(found, list):
        return [data for item in found for data in contents(item)]
    if not isinstance(found, dict):
        return []
    if "metadata" in found and "data" in found:
        return [b64decode(found["data"])]
    for_temporal = ("searchAttributes", "upsertedMemo", "userMetadata")
    return [
        data for key, item in found.items() if key not in for_temporal for data in contents(item)
    ]


async def test_what_a_session_says_is_encoded_in_temporal_and_understood_by_every_part(
    worker_settings: Settings, db_sessions: Sessions, made: Network, temporal: Client
) -> None:
    account_id, token_id = await account(db_sessions, made, billing="invoice")
    session_id = await session(
        db_sessions, made, account_id=account_id, token_id=token_id, ended_at=None
    )
    async with serving(worker_settings, Turned()):
        await tell_start(db_sessions, made, session_id)
        await tell_end(db_sessions, made, session_id)
        await until(lambda: all_sent(db_sessions), "the outbox is empty")
        knowing = await connect(worker_settings, codec=Turned())
        result = await knowing.get_workflow_handle(
            session_workflow_id(session_id), result_type=SessionResult
        ).result()

    assert result.outcome == "invoiced"
    settlement = await settlement_of(db_sessions, session_id)
    assert settlement is not None
    assert settlement.outcome == "invoiced"
    kept = await history(temporal, session_id)
    assert len(kept) > 5
    assert all(data.count(turned(b"json/plain")) == 1 for data in kept)


async def test_what_rebuild_starts_is_encoded_too(
    worker_settings: Settings, db_sessions: Sessions, made: Network, temporal: Client
) -> None:
    session_id = await session(db_sessions, made)

    counts = await rebuild(worker_settings, Turned())

    assert counts["started"] == {"ChargingSession": 1}
    kept = await history(temporal, session_id)
    assert kept
    assert not any(str(session_id).encode() in data for data in kept)
    assert all(str(session_id).encode() in turned(data) for data in kept)


async def history(temporal: Client, session_id: UUID) -> list[bytes]:
    handle = temporal.get_workflow_handle(session_workflow_id(session_id))
    return contents((await handle.fetch_history()).to_json_dict())
