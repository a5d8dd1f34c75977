"""One outbox row to Temporal, and what its answer means. Sending twice is harmless by design."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from holdfast.adapters.temporal import start_workflow
from holdfast.contracts import late_truth, sessions
from holdfast.contracts.catalogue import UnknownName, signal_message, workflow_contract
from holdfast.contracts.late_truth import EventSignal, StartLateTruth
from holdfast.contracts.names import late_truth_workflow_id
from holdfast.contracts.sessions import StartSession
from holdfast.services.rebuild import late_message, startable_of
from holdfast.store.database import Sessions
from holdfast.store.tables import LateFact, Session

# What a closed session must still be told, because it may change what it costs.
MATTERS_LATE = (
    sessions.TRANSACTION_STARTED,
    sessions.TRANSACTION_ENDED,
    sessions.GAPS_CLOSED,
    sessions.METER_CORRECTED,
)
PAYLOAD_BYTES_MAX = 1_000_000
# Statuses in which the row itself is at fault; with every other one Temporal is.
AT_FAULT = (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE)

Sent = Literal["sent", "late", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An outbox row."""

    id: int
    organization_id: UUID
    workflow_id: str
    operation: str
    name: str
    payload: dict[str, Any]
    attempts: int


class Unsendable(Exception):
    """The row can never be sent as it is: it is parked, and a person is asked."""


class TemporalDown(Exception):
    """Temporal did not take it now; it will be sent again."""


class Sender:
    """Sends rows; knows which closed workflows still matter."""

    def __init__(self, client: Client, db_sessions: Sessions) -> None:
        self._client = client
        self._sessions = db_sessions

    async def send(self, row: Row) -> Sent:
        """Raises `Unsendable`, `TemporalDown`; a database error passes through."""
        if uuid_of(row.workflow_id.partition("-")[2]) is None:
            raise Unsendable(f"the workflow id {row.workflow_id[:100]!r} names no row of ours")
        if len(repr(row.payload)) > PAYLOAD_BYTES_MAX:
            raise Unsendable(f"the payload is larger than {PAYLOAD_BYTES_MAX} bytes")
        try:
            if row.operation == "start":
                message = workflow_contract(row.name).start.model_validate(row.payload)
                if isinstance(message, StartSession) and await self._was_started(message):
                    return "dropped"
                await self._start(row.name, row.workflow_id, message)
                return "sent"
            signal = signal_message(row.workflow_id, row.name).model_validate(row.payload)
        except (ValidationError, UnknownName) as error:
            raise Unsendable(_short(error)) from error
        if await self._signal(row.workflow_id, row.name, signal):
            return "sent"
        return await self._closed(row, signal)

    async def _start(self, name: str, workflow_id: str, message: Any) -> None:
        try:
            await start_workflow(self._client, name, workflow_id, message)
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise _judged(error) from error

    async def _signal(self, workflow_id: str, name: str, message: Any) -> bool:
        """False where the workflow is closed or unknown."""
        try:
            await self._client.get_workflow_handle(workflow_id).signal(name, message)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND and "namespace" not in error.message.lower():
                return False
            raise _judged(error) from error
        return True

    async def _closed(self, row: Row, message: Any) -> Sent:
        """Closed, or lost. The rows say which: what they still owe is started again."""
        async with self._sessions() as db:
            lost = await startable_of(db, row.workflow_id)
        if lost is not None:
            await self._start(lost.name, lost.workflow_id, lost.message)
            await self._signal(row.workflow_id, row.name, message)
            return "sent"
        if row.workflow_id.startswith("session-") and row.name in MATTERS_LATE:
            await self._late(row)
            return "late"
        return "dropped"

    async def _late(self, row: Row) -> None:
        """Keep the fact, then let LateTruth take it into account."""
        session_id = UUID(row.workflow_id.removeprefix("session-"))
        async with self._sessions.begin() as db:
            session = await db.get(Session, session_id)
            if session is None:
                raise Unsendable(f"there is no session {session_id}")
            await db.execute(
                insert(LateFact)
                .values(
                    organization_id=row.organization_id,
                    session_id=session_id,
                    outbox_id=row.id,
                    name=row.name,
                    payload=row.payload,
                )
                .on_conflict_do_nothing()
            )
            start = await late_message(db, session)
        await self._tell_late_truth(start, f"outbox:{row.id}")

    async def _tell_late_truth(self, start: StartLateTruth, event_id: str) -> None:
        workflow_id = late_truth_workflow_id(start.session_id)
        if not await self._signal(
            workflow_id, late_truth.FACT_CAME_LATE, EventSignal(event_id=event_id)
        ):
            await self._start(late_truth.WORKFLOW, workflow_id, start)

    async def _was_started(self, start: StartSession) -> bool:
        """Temporal refuses a second start only for as long as it remembers the first; the row
        remembers for good. What Temporal has lost is built again elsewhere, from rows."""
        async with self._sessions() as db:
            started_at = await db.scalar(
                select(Session.workflow_started_at).where(Session.id == start.session_id)
            )
        return started_at is not None and not start.rebuilt


async def mark_started(db: AsyncSession, session_ids: list[UUID]) -> None:
    """Temporal has these sessions' workflows."""
    if session_ids:
        await db.execute(
            update(Session)
            .where(Session.id.in_(session_ids), Session.workflow_started_at.is_(None))
            .values(workflow_started_at=datetime.now(UTC))
        )


def uuid_of(key: str) -> UUID | None:
    """The key in a workflow id; None where it is none."""
    try:
        return UUID(key)
    except ValueError:
        return None


def _judged(error: RPCError) -> Exception:
    if error.status in AT_FAULT:
        return Unsendable(f"{error.status.name}: {error.message[:300]}")
    return TemporalDown(f"{error.status.name}: {error.message[:300]}")


def _short(error: Exception) -> str:
    """What is wrong, without the values: they may be personal."""
    if isinstance(error, ValidationError):
        places = [".".join(str(part) for part in item["loc"]) for item in error.errors()]
        return f"does not decode: {', '.join(places)[:300]}"
    return str(error)[:300]
