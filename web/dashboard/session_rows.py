"""Sessions as lines of a list: joined once, worded once, used by several pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select

from holdfast.domain.session_state import SessionState
from holdfast.services.scope import owned
from holdfast.services.session_course import end_of
from holdfast.services.sessions import state_of
from holdfast.store.tables import Session, Settlement, Site, Station
from web.wording import CONNECTOR, OUTCOME, SESSION, Badge, badge


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLine:
    """One session of a list. `amount_minor` is null until it is priced."""

    id: UUID
    station: str
    site: str | None
    evse: int
    connector: int | None
    token: str | None
    state: Badge
    is_open: bool
    started_at: datetime | None
    ended_at: datetime | None
    created_at: datetime
    energy_wh: int
    amount_minor: int | None
    currency: str | None
    outcome: Badge | None
    attention: str | None

    @property
    def length(self) -> timedelta | None:
        """From start to end; None while it is open."""
        if self.started_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.started_at


def select_sessions(organization_id: UUID) -> "Select[Session, str, str, Settlement]":
    """Session, identity of its station, name of its site, settlement: for `session_line`."""
    return (
        owned(Session, organization_id)
        .join(Station, Station.id == Session.station_id)
        .outerjoin(Site, Site.id == Session.site_id)
        .outerjoin(Settlement, Settlement.session_id == Session.id)
        .with_only_columns(Session, Station.identity, Site.name, Settlement)
    )


def session_line(row: Any) -> SessionLine:
    """A row of `select_sessions` as a line."""
    session, identity, site, settlement = row[0], row[1], row[2], row[3]
    state = state_of(session, settlement)
    return SessionLine(
        id=session.id,
        station=identity,
        site=site,
        evse=session.evse,
        connector=session.connector,
        token=session.token_uid,
        state=_state_badge(session, state),
        is_open=state.is_open,
        started_at=session.started_at,
        ended_at=end_of(session),
        created_at=session.created_at,
        energy_wh=session.energy_wh,
        amount_minor=None if settlement is None else settlement.amount_minor,
        currency=None if settlement is None else settlement.currency,
        outcome=None
        if settlement is None or settlement.outcome is None
        else badge(OUTCOME, settlement.outcome),
        attention=session.attention,
    )


def _state_badge(session: Session, state: SessionState) -> Badge:
    """Who suspended it is worth a word: a driver can be told, a station must be looked at."""
    if state is SessionState.SUSPENDED:
        return badge(CONNECTOR, session.charging_state)
    return badge(SESSION, state)


def session_lines(rows: Iterable[Any]) -> tuple[SessionLine, ...]:
    """All rows as lines."""
    return tuple(session_line(row) for row in rows)
