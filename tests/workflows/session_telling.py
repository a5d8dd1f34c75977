"""What tests of sessions tell a workflow, and how they wait for what it asks."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowHandle

from holdfast.contracts.names import ATTENTION
from holdfast.contracts.sessions import (
    SessionResult,
    StartSession,
    TransactionEndedSignal,
)
from holdfast.testing import SteppedSessions
from tests.workflows.running import ORGANIZATION, finished

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def start(*, started: bool = True, **fields: Any) -> StartSession:
    return StartSession(
        session_id=uuid4(),
        organization="acme",
        organization_id=ORGANIZATION,
        station="CP-1",
        evse=1,
        started_at=NOON if started else None,
        **fields,
    )


def ended(event_id: str = "ended", *, complete: bool = True) -> TransactionEndedSignal:
    return TransactionEndedSignal(
        event_id=event_id, at=NOON, reason="EVDisconnected", complete=complete
    )


async def result_of(handle: WorkflowHandle[Any, Any]) -> SessionResult:
    return SessionResult.model_validate(await finished(handle))


async def attention_of(handle: WorkflowHandle[Any, Any], reason: str) -> None:
    """Wait until the workflow asks for attention."""
    for _ in range(1500):
        description = await handle.describe()
        if description.typed_search_attributes.get(ATTENTION) == reason:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"no attention {reason!r}")


async def asked(fake: SteppedSessions, name: str, times: int) -> None:
    """Wait until an activity was asked so often."""
    for _ in range(1500):
        if fake.script.names().count(name) >= times:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} was asked {fake.script.names().count(name)} times")
