"""Charging sessions: lists, one with all it has, and what a person may decide."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.routes.fields import Because, Input, Instant, Line, Output, Reason, TokenUid
from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.sessions import Decision
from holdfast.domain.session_state import SessionState
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Reader, SessionDecider
from holdfast.services import meter_series, session_decisions, sessions
from holdfast.services.sessions import SessionFilter, SessionSeen
from holdfast.store.tables import Settlement

router = APIRouter(prefix="/sessions", tags=["sessions"], route_class=IdempotentRoute)


class PriceShown(Output):
    """What it costs, from the tariff version frozen at its start; amounts in major units."""

    currency: str
    excl_vat: str
    incl_vat: str
    breakdown: dict[str, Any]


class LimitsShown(Output):
    """What was asked for at its start; the installation's limits and a hold apply as well."""

    energy_wh: int | None
    duration_s: int | None
    cost_minor: int | None


class SettlementShown(Output):
    """The one outcome of an ended session. `settled_minor`: taken or invoiced."""

    outcome: str
    amount_minor: int = Field(
        description="The price, tax included, in minor units: also of what was waived or free, "
        "where nobody pays it. What was taken or invoiced is `settled_minor`."
    )
    at: datetime
    settled_minor: int | None
    currency: str
    reason: str | None


class SessionShown(Output):
    """A session. `station` is an OCPP identity, `token` a uid, `tariff_version` an id."""

    id: UUID
    station: str
    evse: int
    connector: int | None
    token: str | None
    transaction_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    energy_wh: int
    state: SessionState
    stop_reason: str | None
    tariff_version: UUID | None
    price: PriceShown | None
    settlement: SettlementShown | None
    workflow_id: str
    site: UUID | None
    token_type: str | None
    account: UUID | None
    payment: UUID | None
    authorization: str | None
    charging_state: str | None
    meter_start_wh: int | None
    meter_last_wh: int | None
    last_seen_at: datetime | None
    end_reason: str | None
    attention: str | None
    findings: list[Any]
    limits: LimitsShown
    created_at: datetime
    closed_at: datetime | None


class MeterPointShown(Output):
    """The last register and the mean power of a stretch of time."""

    at: datetime
    register_wh: int | None
    energy_wh: int | None
    power_w: int | None
    soc_percent: int | None
    samples: int


class EventShown(Output):
    """A line of the timeline."""

    at: datetime
    kind: str
    details: dict[str, Any]
    recorded_at: datetime


class Resolution(Input):
    """`retry` what failed, or `settle_anyway` although the quality gate objects."""

    action: Literal["retry", "settle_anyway"]
    reason: Reason


class DecisionTaken(Output):
    """The session as it is now; its workflow acts on the decision."""

    session: SessionShown
    decision: str


@router.get("")
async def list_sessions(
    db: Db,
    reader: Reader,
    asked: Asked,
    station: Annotated[Line | None, Query(description="An OCPP identity.")] = None,
    token: Annotated[TokenUid | None, Query(description="A uid, in any case.")] = None,
    state: Annotated[
        SessionState | Literal["active"] | None,
        Query(
            description="One state, or `active`: every state that is open (authorised, started, "
            "charging, suspended, idle)."
        ),
    ] = None,
    since: Annotated[
        Instant | None, Query(alias="from", description="Started at or after.")
    ] = None,
    until: Annotated[Instant | None, Query(alias="to", description="Started before.")] = None,
    site: UUID | None = None,
    attention: bool | None = None,
    without_tariff: Annotated[
        bool | None,
        Query(description="Settled at zero because no tariff was in force when it began."),
    ] = None,
) -> Page[SessionShown]:
    """Newest first."""
    wanted = SessionFilter(
        station=station,
        token=token,
        state=None if state == "active" else state,
        active=state == "active",
        since=since,
        until=until,
        site_id=site,
        attention=attention,
        without_tariff=without_tariff,
    )
    rows = await sessions.list_sessions(db, reader.organization_id, asked, wanted)
    return page(rows, to_session)


@router.get("/{session_id}")
async def read_session(session_id: UUID, db: Db, reader: Reader) -> SessionShown:
    """One session."""
    return to_session(await sessions.see_session(db, reader.organization_id, session_id))


@router.get("/{session_id}/meter-series")
async def read_meter_series(
    session_id: UUID,
    db: Db,
    reader: Reader,
    points: Annotated[
        int, Query(ge=1, le=meter_series.POINTS_MAX, description="At most so many.")
    ] = meter_series.POINTS_DEFAULT,
) -> Page[MeterPointShown]:
    """Registers and power over time, oldest first, thinned to so many points."""
    rows = await meter_series.meter_series(db, reader.organization_id, session_id, points=points)
    return Page(items=[MeterPointShown.model_validate(row) for row in rows])


@router.get("/{session_id}/timeline")
async def read_timeline(session_id: UUID, db: Db, reader: Reader) -> Page[EventShown]:
    """What happened, oldest first."""
    rows = await sessions.timeline(db, reader.organization_id, session_id)
    return Page(items=[EventShown.model_validate(row) for row in rows])


@router.post("/{session_id}/force-end", status_code=202)
async def force_end(
    session_id: UUID, because: Because, db: Db, decider: SessionDecider
) -> DecisionTaken:
    """End it at its last register, without the station's word."""
    return await _decide(db, decider, session_id, "force_end", because.reason)


@router.post("/{session_id}/waive", status_code=202)
async def waive(
    session_id: UUID, because: Because, db: Db, decider: SessionDecider
) -> DecisionTaken:
    """Take no money for it."""
    return await _decide(db, decider, session_id, "waive", because.reason)


@router.post("/{session_id}/resolve", status_code=202)
async def resolve(
    session_id: UUID, resolution: Resolution, db: Db, decider: SessionDecider
) -> DecisionTaken:
    """Settle what needs attention."""
    return await _decide(db, decider, session_id, resolution.action, resolution.reason)


def to_session(seen: SessionSeen) -> SessionShown:
    """The answer."""
    row, settlement = seen.session, seen.settlement
    return SessionShown(
        id=row.id,
        station=seen.station,
        evse=row.evse,
        connector=row.connector,
        token=row.token_uid,
        transaction_id=row.transaction_id,
        started_at=row.started_at,
        ended_at=seen.ended_at,
        energy_wh=row.energy_wh,
        state=seen.state,
        stop_reason=row.stop_reason,
        tariff_version=row.tariff_version_id,
        price=None if settlement is None else PriceShown.model_validate(settlement),
        settlement=_settlement(settlement),
        workflow_id=session_workflow_id(row.id),
        site=row.site_id,
        token_type=row.token_type,
        account=row.account_id,
        payment=row.payment_id if settlement is None else settlement.payment_id or row.payment_id,
        authorization=row.authorization,
        charging_state=row.charging_state,
        meter_start_wh=_wh(row.meter_start_mwh),
        meter_last_wh=_wh(row.meter_last_mwh),
        last_seen_at=row.last_seen_at,
        end_reason=row.end_reason,
        attention=row.attention,
        findings=seen.findings,
        limits=LimitsShown(
            energy_wh=row.limit_energy_wh,
            duration_s=row.limit_duration_s,
            cost_minor=row.limit_cost_minor,
        ),
        created_at=row.created_at,
        closed_at=row.closed_at,
    )


def _settlement(row: Settlement | None) -> SettlementShown | None:
    """None until there is an outcome: a price alone is no settlement."""
    if row is None or row.outcome is None or row.settled_at is None:
        return None
    return SettlementShown(
        outcome=row.outcome,
        amount_minor=row.amount_minor,
        at=row.settled_at,
        settled_minor=row.settled_minor,
        currency=row.currency,
        reason=row.reason,
    )


def _wh(register_mwh: int | None) -> int | None:
    return None if register_mwh is None else register_mwh // 1_000


async def _decide(
    db: Db, decider: SessionDecider, session_id: UUID, action: Decision, reason: str
) -> DecisionTaken:
    seen = await session_decisions.decide(
        db,
        decider.organization_id,
        session_id,
        action=action,
        reason=reason,
        actor=decider.actor,
    )
    return DecisionTaken(session=to_session(seen), decision=action)
