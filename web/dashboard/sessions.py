"""The list of sessions: filtered by Postgres, newest first, live on its first page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.domain.session_state import SessionState
from holdfast.domain.token import TokenInvalid, normalise_uid
from holdfast.services.sessions import free_without_tariff, is_running, state_case
from holdfast.store.tables import Session, Station
from web.dashboard.session_rows import SessionLine, select_sessions, session_lines
from web.dashboard.stations import Choice
from web.live_page import LivePage, uuid_or_none
from web.viewer import Viewer
from web.visit import Desk, Visit
from web.wording import SESSION

PAGE_LENGTH = 50
WITHOUT_TARIFF = "without-tariff"

STATES = {
    "active": "Active",
    "attention": "Needs attention",
    WITHOUT_TARIFF: "Free: no tariff",
    **{state.value: SESSION[state].word for state in SessionState},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """`since` and `until` are days of UTC, both included; `before` is the last id seen."""

    token: str | None = None
    station: str | None = None
    state: str | None = None
    since: date | None = None
    until: date | None = None
    before: UUID | None = None

    def parameters(self) -> Mapping[str, str]:
        """As the URL has them."""
        return self.older_than(self.before)

    def older_than(self, before: UUID | None) -> dict[str, str]:
        """The same, from another place in the list."""
        values = {
            "token": self.token,
            "station": self.station,
            "state": self.state,
            "from": None if self.since is None else self.since.isoformat(),
            "to": None if self.until is None else self.until.isoformat(),
            "before": None if before is None else str(before),
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionList:
    """A page of the list; `next` is where older ones start."""

    lines: tuple[SessionLine, ...]
    next: UUID | None
    asked: SessionFilter


def parse_sessions(_viewer: Viewer, parameters: Mapping[str, str]) -> SessionFilter:
    """What cannot be read filters nothing."""
    state = parameters.get("state")
    return SessionFilter(
        token=parameters.get("token"),
        station=parameters.get("station"),
        state=state if state in STATES else None,
        since=_day(parameters.get("from")),
        until=_day(parameters.get("to")),
        before=uuid_or_none(parameters.get("before")),
    )


async def read_sessions(
    _desk: Desk, db: AsyncSession, organization_id: UUID, asked: SessionFilter
) -> SessionList:
    """One page, by id: sorted by creation, and stable while new ones come."""
    found = select_sessions(organization_id)
    for condition in _conditions(asked):
        found = found.where(condition)
    rows = (await db.execute(found.order_by(Session.id.desc()).limit(PAGE_LENGTH + 1))).all()
    lines = session_lines(rows[:PAGE_LENGTH])
    return SessionList(
        lines=lines, next=lines[-1].id if len(rows) > PAGE_LENGTH else None, asked=asked
    )


SESSIONS = LivePage(
    name="sessions",
    topics=frozenset({"sessions", "payments"}),
    template="fragments/sessions.html",
    parse=parse_sessions,
    read=read_sessions,
)


async def show_sessions(visit: Visit) -> Response:
    """GET /sessions"""
    states = tuple(Choice(value=name, word=word) for name, word in STATES.items())
    return await SESSIONS.show(visit, "sessions.html", states=states)


def _conditions(asked: SessionFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if asked.token is not None:
        conditions.append(Session.token_uid.icontains(_uid(asked.token), autoescape=True))
    if asked.station is not None:
        conditions.append(Station.identity.icontains(asked.station, autoescape=True))
    if asked.since is not None:
        conditions.append(Session.created_at >= datetime.combine(asked.since, time(), UTC))
    if asked.until is not None:
        end = datetime.combine(asked.until, time(), UTC) + timedelta(days=1)
        conditions.append(Session.created_at < end)
    if asked.before is not None:
        conditions.append(Session.id < asked.before)
    if asked.state is not None:
        conditions.append(_in_state(asked.state))
    return conditions


def _in_state(state: str) -> ColumnElement[bool]:
    if state == "active":
        return is_running()
    if state == "attention":
        return Session.attention.is_not(None)
    if state == WITHOUT_TARIFF:
        return free_without_tariff()
    return state_case() == state


def _uid(text: str) -> str:
    try:
        return normalise_uid(text)
    except TokenInvalid:
        return text


def _day(text: str | None) -> date | None:
    try:
        day = None if text is None else date.fromisoformat(text)
    except ValueError:
        return None
    # The ends of the calendar cannot be moved by a day.
    return day if day is not None and 2000 <= day.year <= 2999 else None
