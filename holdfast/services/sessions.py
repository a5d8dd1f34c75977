"""Sessions, read: what the station reported and what the business made of it, as one value.

`state` is nowhere stored. `state_case` says in SQL what `domain.session_state` says in Python, so
that a list can be filtered by it; a test compares the two on every combination.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.session_state import (
    ChargingState,
    Concluded,
    Reported,
    SessionState,
    session_state,
)
from holdfast.services.evidence import told_findings
from holdfast.services.refusal import NotFound
from holdfast.services.scope import belongs, owned
from holdfast.services.session_course import MESSAGES_MISSING, end_of
from holdfast.services.slices import Slice, SliceAsked, take_rows
from holdfast.store.tables import Session, SessionEvent, Settlement, Station

EVENTS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSeen:
    """A session with its station's identity, its settlement if any, and its state."""

    session: Session
    station: str
    settlement: Settlement | None
    of_signatures: tuple[dict[str, Any], ...] = ()

    @property
    def findings(self) -> list[Any]:
        """What the station's messages gave rise to, what checking its signed values did, and that
        messages never came. The row's column is the writer's alone, so all of it meets here."""
        return [*self.session.findings, *self.of_signatures, *self._missing()]

    def _missing(self) -> list[dict[str, Any]]:
        gaps = self.session.sequence_gaps
        if self.settlement is None or not gaps:
            return []
        detail = f"{gaps} numbered messages of its transaction never came"
        return [{"code": MESSAGES_MISSING, "severity": "review", "detail": detail}]

    @property
    def state(self) -> SessionState:
        """By the table of `domain.session_state`."""
        return state_of(self.session, self.settlement)

    @property
    def ended_at(self) -> datetime | None:
        """The station's word, else when we ended it."""
        return end_of(self.session)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Every field that is set must hold. `since` and `until` are of the start.

    `active`: in any state that is open. `without_tariff`: settled at zero for want of one.
    """

    station: str | None = None
    token: str | None = None
    state: SessionState | None = None
    since: datetime | None = None
    until: datetime | None = None
    site_id: UUID | None = None
    attention: bool | None = None
    active: bool = False
    without_tariff: bool | None = None


def state_of(session: Session, settlement: Settlement | None) -> SessionState:
    """The state of a row and its settlement."""
    try:
        charging = None if session.charging_state is None else ChargingState(session.charging_state)
    except ValueError:
        charging = None
    return session_state(
        Reported(
            started_at=session.started_at,
            ended_at=session.ended_at,
            charging_state=charging,
        ),
        Concluded(
            ended_at=session.ended_by_us_at,
            failed_at=session.closed_at if settlement is None else None,
            priced_at=None if settlement is None else settlement.priced_at,
            outcome=None if settlement is None else settlement.outcome,
        ),
    )


def state_case() -> ColumnElement[str]:
    """The same, of a Session row outer-joined with its Settlement."""
    running = case(
        (Session.charging_state == "charging", SessionState.CHARGING.value),
        (
            Session.charging_state.in_(["suspended_ev", "suspended_evse"]),
            SessionState.SUSPENDED.value,
        ),
        (Session.charging_state == "idle", SessionState.IDLE.value),
        else_=SessionState.STARTED.value,
    )
    return case(
        (Settlement.outcome.is_not(None), literal(SessionState.SETTLED.value)),
        (Settlement.priced_at.is_not(None), SessionState.PRICED.value),
        (
            or_(Session.ended_at.is_not(None), Session.ended_by_us_at.is_not(None)),
            SessionState.ENDED.value,
        ),
        (Session.started_at.is_not(None), running),
        (Session.closed_at.is_not(None), SessionState.FAILED.value),
        else_=SessionState.AUTHORISED.value,
    )


def free_without_tariff() -> ColumnElement[bool]:
    """It was settled at zero because no tariff was in force when it began."""
    return and_(Settlement.outcome == "free", Settlement.tariff_version_id.is_(None))


def is_running() -> ColumnElement[bool]:
    """A car is plugged in: reported, not ended, not closed."""
    return and_(
        Session.started_at.is_not(None),
        Session.ended_at.is_(None),
        Session.ended_by_us_at.is_(None),
        Session.closed_at.is_(None),
    )


async def list_sessions(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked, wanted: SessionFilter
) -> Slice[SessionSeen]:
    """Newest first."""
    statement = _seen(organization_id)
    begun = func.coalesce(Session.started_at, Session.created_at)
    if wanted.station is not None:
        statement = statement.where(Station.identity == wanted.station)
    if wanted.token is not None:
        statement = statement.where(func.upper(Session.token_uid) == wanted.token.strip().upper())
    if wanted.state is not None:
        statement = statement.where(state_case() == wanted.state.value)
    if wanted.active:
        open_states = [state.value for state in SessionState if state.is_open]
        statement = statement.where(state_case().in_(open_states))
    if wanted.since is not None:
        statement = statement.where(begun >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(begun < wanted.until)
    if wanted.site_id is not None:
        statement = statement.where(Session.site_id == wanted.site_id)
    if wanted.attention is not None:
        raised = Session.attention.is_not(None)
        statement = statement.where(raised if wanted.attention else ~raised)
    if wanted.without_tariff is not None:
        free = func.coalesce(free_without_tariff(), false())
        statement = statement.where(free if wanted.without_tariff else ~free)
    rows = await take_rows(db, statement, Session.id, asked, newest_first=True)
    return Slice(items=[_of_row(row) for row in rows.items], next=rows.next)


async def see_session(db: AsyncSession, organization_id: UUID, session_id: UUID) -> SessionSeen:
    """Raises NotFound."""
    row = (await db.execute(_seen(organization_id).where(Session.id == session_id))).one_or_none()
    if row is None:
        raise NotFound("session", session_id)
    return _of_row(row)


async def timeline(db: AsyncSession, organization_id: UUID, session_id: UUID) -> list[SessionEvent]:
    """What happened, oldest first, at most `EVENTS_MAX`. Raises NotFound."""
    await see_session(db, organization_id, session_id)
    events = await db.scalars(
        owned(SessionEvent, organization_id)
        .where(SessionEvent.session_id == session_id)
        .order_by(*timeline_order())
        .limit(EVENTS_MAX)
    )
    return list(events)


def timeline_order() -> tuple[ColumnElement[Any], ...]:
    """Oldest first. What one transaction wrote at one instant is told as a session goes: it is
    priced before it is settled, and begun after it was started."""
    course = case(
        (SessionEvent.kind == "started", 0),
        (SessionEvent.kind == "begun", 1),
        (SessionEvent.kind.startswith("ended"), 3),
        (SessionEvent.kind == "priced", 4),
        (SessionEvent.kind.startswith("settled"), 5),
        else_=2,
    )
    return (
        SessionEvent.at.expression,
        SessionEvent.recorded_at.expression,
        course,
        SessionEvent.key.expression,
    )


def _seen(organization_id: UUID) -> "Select[Session, str, Settlement, Any]":
    checked = told_findings(Session.id).scalar_subquery()
    return (
        select(Session, Station.identity, Settlement, checked)
        .where(belongs(Session, organization_id))
        .join(Station, Station.id == Session.station_id)
        .outerjoin(Settlement, Settlement.session_id == Session.id)
    )


def _of_row(row: Any) -> SessionSeen:
    return SessionSeen(
        session=row[0], station=row[1], settlement=row[2], of_signatures=tuple(row[3] or ())
    )
