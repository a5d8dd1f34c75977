"""What could not be applied, and what came too late: for a person to decide."""

import base64
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from api.routes.fields import Because, Line, Output
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import FactDecider, MessageReader, Reader
from holdfast.services import late_facts, quarantine
from holdfast.services.quarantine import Seen
from holdfast.store.tables import LateFact

quarantine_router = APIRouter(
    prefix="/quarantine", tags=["quarantine and late facts"], route_class=IdempotentRoute
)
late_router = APIRouter(
    prefix="/late-facts", tags=["quarantine and late facts"], route_class=IdempotentRoute
)


class QuarantinedShown(Output):
    """A message that could not be applied. `replay_asked`: a gateway is to apply it again."""

    id: UUID
    station: str
    received_at: datetime
    protocol: str
    action: str
    error: str
    state: str
    replay_asked: bool
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None


class FrameShown(Output):
    """The frame as it came: as text, and as base64 where it is not UTF-8."""

    id: UUID
    text: str | None
    base64: str | None


class LateFactShown(Output):
    """A fact whose workflow had closed; the session's rows have it already."""

    id: UUID
    session: UUID
    name: str
    received_at: datetime
    state: str
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None


@quarantine_router.get("")
async def list_quarantined(
    db: Db,
    reader: Reader,
    asked: Asked,
    state: Literal["open", "replayed", "discarded"] | None = None,
    station: Annotated[Line | None, Query(description="An OCPP identity.")] = None,
) -> Page[QuarantinedShown]:
    """Newest first."""
    rows = await quarantine.list_quarantined(
        db, reader.organization_id, asked, state=state, station=station
    )
    return page(rows, to_quarantined)


@quarantine_router.get("/{message_id}")
async def read_quarantined(message_id: UUID, db: Db, reader: Reader) -> QuarantinedShown:
    """One message, without its frame."""
    return to_quarantined(await quarantine.get_quarantined(db, reader.organization_id, message_id))


@quarantine_router.get("/{message_id}/frame")
async def read_frame(message_id: UUID, db: Db, reader: MessageReader) -> FrameShown:
    """The frame as it came. It may name a driver's token."""
    row, _ = await quarantine.get_quarantined(db, reader.organization_id, message_id)
    try:
        return FrameShown(id=row.id, text=row.frame.decode(), base64=None)
    except UnicodeDecodeError:
        return FrameShown(id=row.id, text=None, base64=base64.b64encode(row.frame).decode())


@quarantine_router.post("/{message_id}/replay", status_code=202)
async def replay(
    message_id: UUID, because: Because, db: Db, decider: FactDecider
) -> QuarantinedShown:
    """Have a gateway apply it again; it stays open until one has."""
    seen = await quarantine.ask_replay(
        db,
        decider.organization_id,
        message_id,
        actor=decider.actor,
        reason=because.reason,
        now=datetime.now(UTC),
    )
    return to_quarantined(seen)


@quarantine_router.post("/{message_id}/discard")
async def discard(
    message_id: UUID, because: Because, db: Db, decider: FactDecider
) -> QuarantinedShown:
    """Never apply it. It stays readable."""
    seen = await quarantine.discard(
        db,
        decider.organization_id,
        message_id,
        actor=decider.actor,
        reason=because.reason,
        now=datetime.now(UTC),
    )
    return to_quarantined(seen)


@late_router.get("")
async def list_late_facts(
    db: Db,
    reader: Reader,
    asked: Asked,
    state: Literal["open", "applied", "discarded"] | None = None,
    session: UUID | None = None,
) -> Page[LateFactShown]:
    """Newest first."""
    rows = await late_facts.list_late_facts(
        db, reader.organization_id, asked, state=state, session_id=session
    )
    return page(rows, to_late_fact)


@late_router.get("/{fact_id}")
async def read_late_fact(fact_id: UUID, db: Db, reader: Reader) -> LateFactShown:
    """One fact."""
    return to_late_fact(await late_facts.get_late_fact(db, reader.organization_id, fact_id))


@late_router.post("/{fact_id}/apply", status_code=202)
async def apply_late_fact(
    fact_id: UUID, because: Because, db: Db, decider: FactDecider
) -> LateFactShown:
    """Reprice the session; a difference opens a review task."""
    row = await late_facts.apply_late_fact(
        db,
        decider.organization_id,
        fact_id,
        actor=decider.actor,
        reason=because.reason,
        now=datetime.now(UTC),
    )
    return to_late_fact(row)


@late_router.post("/{fact_id}/discard")
async def discard_late_fact(
    fact_id: UUID, because: Because, db: Db, decider: FactDecider
) -> LateFactShown:
    """The session stays as it was settled."""
    row = await late_facts.discard_late_fact(
        db,
        decider.organization_id,
        fact_id,
        actor=decider.actor,
        reason=because.reason,
        now=datetime.now(UTC),
    )
    return to_late_fact(row)


def to_quarantined(seen: Seen) -> QuarantinedShown:
    """The answer."""
    row, station = seen
    columns = {
        name: getattr(row, name)
        for name in QuarantinedShown.model_fields
        if name not in ("station", "replay_asked")
    }
    return QuarantinedShown(
        **columns,
        station=station,
        replay_asked=row.state == "open" and row.decided_by is not None,
    )


def to_late_fact(row: LateFact) -> LateFactShown:
    """The answer."""
    columns = {name: getattr(row, name) for name in LateFactShown.model_fields if name != "session"}
    return LateFactShown(**columns, session=row.session_id)
