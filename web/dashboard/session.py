"""One session: how it went, what it drew, what it costs to the cent, and who decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.contracts.names import payment_workflow_id, session_workflow_id
from holdfast.services.evidence import told_findings
from holdfast.services.refusal import NotFound
from holdfast.services.scope import owned
from holdfast.services.session_course import end_of
from holdfast.services.sessions import timeline_order
from holdfast.store.tables import (
    Account,
    Payment,
    ReviewTask,
    Session,
    SessionEvent,
    SessionState,
    Settlement,
    Site,
)
from web.dashboard.actors import key_names
from web.dashboard.decisions import RESOLUTIONS
from web.dashboard.evidence import signed_words
from web.dashboard.payment_decisions import PAYMENT_DECISIONS
from web.dashboard.price import Price, explain
from web.dashboard.session_rows import SessionLine, select_sessions, session_line
from web.dashboard.session_terms import Terms, read_terms
from web.live_page import LivePage, uuid_or_none
from web.sentences import (
    attention,
    event,
    finding,
    finding_of,
    fitting_resolution,
    review,
    stop_reason,
)
from web.viewer import Viewer
from web.visit import Desk, Visit
from web.wording import PAYMENT, Badge, badge, exact_energy, money, words

EVENTS_SHOWN = 200
DETAIL_LENGTH_MAX = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAsked:
    """A session by its id."""

    id: UUID | None

    def parameters(self) -> Mapping[str, str]:
        """As the stream's URL has them."""
        return {} if self.id is None else {"id": str(self.id)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A line of the timeline."""

    at: datetime
    title: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCard:
    """The payment of a session. Amounts in minor units."""

    id: UUID
    kind: str
    badge: Badge
    currency: str
    asked_minor: int
    held_minor: int
    captured_minor: int
    decline_code: str | None
    attention: str | None
    changed_at: datetime
    workflow_url: str
    decidable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewLine:
    """Something about it that a person must look at."""

    id: UUID
    kind: str
    created_at: datetime
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """The page. `zone` is the site's, in which its times are shown."""

    id: UUID
    line: SessionLine
    state_since: datetime | None
    zone: str
    transaction_id: str | None
    token_type: str | None
    account: str | None
    authorization: str | None
    stop_reason: str | None
    end_reason: str | None
    meter_start_mwh: int | None
    meter_last_mwh: int | None
    meter_last_at: datetime | None
    last_seen_at: datetime | None
    terms: Terms
    settlement_reason: str | None
    settled_minor: int | None
    settled_at: datetime | None
    deadline_at: datetime | None
    price: Price | None
    events: tuple[Moment, ...]
    findings: tuple[str, ...]
    payments: tuple[PaymentCard, ...]
    reviews: tuple[ReviewLine, ...]
    workflow_url: str
    closed: bool
    stoppable: bool

    @property
    def to_decide(self) -> tuple[PaymentCard, ...]:
        """Payments that wait for a person, or that were declined."""
        return tuple(payment for payment in self.payments if payment.decidable)


def parse_session(_viewer: Viewer, parameters: Mapping[str, str]) -> SessionAsked:
    """The id comes from the path, or from the stream's query."""
    return SessionAsked(id=uuid_or_none(parameters.get("id")))


async def read_session(
    desk: Desk, db: AsyncSession, organization_id: UUID, asked: SessionAsked
) -> SessionView:
    """Raises NotFound."""
    row = None
    if asked.id is not None:
        found = select_sessions(organization_id).where(Session.id == asked.id)
        row = (await db.execute(found)).one_or_none()
    if row is None:
        raise NotFound("session", asked.id or "without an id")
    session: Session = row[0]
    settlement: Settlement | None = row[3]
    terms = await read_terms(db, session)
    signatures = await db.scalar(told_findings(session.id)) or ()
    line = session_line(row)
    zone = await _zone(db, organization_id, session.site_id)
    return SessionView(
        id=session.id,
        line=line,
        zone=zone,
        transaction_id=session.transaction_id,
        token_type=session.token_type,
        account=await _account(db, organization_id, session.account_id),
        authorization=session.authorization,
        stop_reason=session.stop_reason,
        end_reason=session.end_reason,
        meter_start_mwh=session.meter_start_mwh,
        meter_last_mwh=session.meter_last_mwh,
        meter_last_at=session.meter_last_at,
        last_seen_at=session.last_seen_at,
        terms=terms,
        settlement_reason=None if settlement is None else settlement.reason,
        settled_minor=None if settlement is None else settlement.settled_minor,
        settled_at=None if settlement is None else settlement.settled_at,
        deadline_at=None if settlement is None else settlement.deadline_at,
        price=None if settlement is None else explain(settlement, zone),
        events=await _events(db, organization_id, session, terms, line.currency),
        state_since=await _state_since(db, organization_id, session, settlement),
        findings=tuple(finding_of(item) for item in (*session.findings, *signatures)),
        payments=await _payments(desk, db, organization_id, session),
        reviews=await _reviews(db, organization_id, session.id),
        workflow_url=desk.temporal_url(session_workflow_id(session.id)),
        closed=session.closed_at is not None,
        stoppable=session.transaction_id is not None
        and session.ended_at is None
        and session.ended_by_us_at is None
        and session.closed_at is None,
    )


SESSION = LivePage(
    name="session",
    topics=frozenset({"sessions", "payments", "frames"}),
    template="fragments/session.html",
    more="fragments/session_course.html",
    parse=parse_session,
    read=read_session,
)


async def show_session(visit: Visit) -> Response:
    """GET /sessions/{id}"""
    asked = SessionAsked(id=uuid_or_none(visit.request.path_params["id"]))
    done = visit.request.query_params.get("done")
    return await SESSION.show_asked(
        visit,
        "session.html",
        asked,
        done=done if done in DONE else None,
        sentences=DONE,
        resolutions=RESOLUTIONS,
        fitting_resolution=fitting_resolution,
        payment_decisions=PAYMENT_DECISIONS,
        signed=await signed_words(visit.db, visit.viewer.organization_id, asked.id),
    )


DONE = {
    "force-end": "The session's workflow was told to end it at its last register.",
    "waive": "The session's workflow was told to waive the price.",
    "resolve": "The session's workflow was told to go on.",
    "payment": "The decision on the payment was passed on.",
    "stop": "The station was ordered to stop.",
}


def pairs(details: object, currency: str | None = None) -> tuple[tuple[str, str], ...]:
    """The fields of a JSON object for people, each bounded. `currency`: where it names none."""
    if not isinstance(details, dict):
        return ()
    currency = details.get("currency", currency)
    return tuple(
        _pair(str(name), value, currency)
        for name, value in details.items()
        if value is not None and name != "currency"
    )


def _pair(name: str, value: object, currency: object) -> tuple[str, str]:
    """A figure of ours carries its unit in its name."""
    if type(value) is int:
        if name.endswith("_minor") and isinstance(currency, str):
            return words(name.removesuffix("_minor")), str(money(value, currency))
        if name.endswith("_wh"):
            return words(name.removesuffix("_wh")), str(exact_energy(value))
    return words(name), str(value)[:DETAIL_LENGTH_MAX]


def review_details(row: ReviewTask) -> tuple[tuple[str, str], ...]:
    """What a review task holds, with a finding's code in words."""
    details = dict(row.details)
    if "finding" in details:
        details["finding"] = finding(str(details["finding"]))
    return pairs(details)


async def _zone(db: AsyncSession, organization_id: UUID, site_id: UUID | None) -> str:
    zone = await db.scalar(
        owned(Site, organization_id).where(Site.id == site_id).with_only_columns(Site.time_zone)
    )
    return zone or "UTC"


async def _account(db: AsyncSession, organization_id: UUID, account_id: UUID | None) -> str | None:
    account = await db.scalar(owned(Account, organization_id).where(Account.id == account_id))
    return None if account is None else account.name


async def _events(
    db: AsyncSession,
    organization_id: UUID,
    session: Session,
    terms: Terms,
    currency: str | None,
) -> tuple[Moment, ...]:
    rows = (
        await db.scalars(
            owned(SessionEvent, organization_id)
            .where(SessionEvent.session_id == session.id)
            .order_by(*timeline_order())
            .limit(EVENTS_SHOWN)
        )
    ).all()
    names = await key_names(db, organization_id, [str(row.details.get("actor")) for row in rows])
    return tuple(_moment(row, terms, names, currency) for row in rows)


def _moment(
    row: SessionEvent,
    terms: Terms,
    names: Mapping[str, str],
    currency: str | None,
) -> Moment:
    details = dict(row.details)
    title = event(row.kind)
    if row.kind == "begun":
        for told in ("tariff_version", "tariff", "version"):
            details.pop(told, None)
        named = f"{title}: {terms.tariff}, version {terms.version}"
        title = "No tariff was in force" if terms.tariff is None else named
    if "reason" in details and row.kind == "ended":
        details["reason"] = stop_reason(str(details["reason"] or ""))
    if "actor" in details:
        details["actor"] = names.get(str(details["actor"]), details["actor"])
    return Moment(at=row.at, title=title, details=pairs(details, currency))


async def _state_since(
    db: AsyncSession, organization_id: UUID, session: Session, settlement: Settlement | None
) -> datetime | None:
    """Since when it is in its present state."""
    if settlement is not None:
        return settlement.settled_at or settlement.priced_at
    if end_of(session) is not None or session.started_at is None:
        return end_of(session) or session.closed_at or session.created_at
    other = (
        owned(SessionState, organization_id)
        .where(
            SessionState.session_id == session.id,
            SessionState.state != session.charging_state,
        )
        .with_only_columns(func.max(SessionState.at))
        .scalar_subquery()
    )
    since = await db.scalar(
        owned(SessionState, organization_id)
        .where(
            SessionState.session_id == session.id,
            SessionState.state == session.charging_state,
            or_(other.is_(None), SessionState.at >= other),
        )
        .with_only_columns(func.min(SessionState.at))
    )
    return since or session.started_at


async def _payments(
    desk: Desk, db: AsyncSession, organization_id: UUID, session: Session
) -> tuple[PaymentCard, ...]:
    rows = await db.scalars(
        owned(Payment, organization_id)
        .where((Payment.session_id == session.id) | (Payment.id == session.payment_id))
        .order_by(Payment.id)
    )
    return tuple(
        PaymentCard(
            id=row.id,
            kind={"hold": "Hold on a card", "off_session": "Saved card"}[row.kind],
            badge=badge(PAYMENT, row.state),
            currency=row.currency,
            asked_minor=row.asked_minor,
            held_minor=row.held_minor,
            captured_minor=row.captured_minor,
            decline_code=row.decline_code,
            attention=None if row.attention is None else attention(row.attention),
            changed_at=row.changed_at,
            workflow_url=desk.temporal_url(payment_workflow_id(row.id)),
            decidable=row.attention is not None or row.state == "failed",
        )
        for row in rows
    )


async def _reviews(
    db: AsyncSession, organization_id: UUID, session_id: UUID
) -> tuple[ReviewLine, ...]:
    rows = await db.scalars(
        owned(ReviewTask, organization_id)
        .where(ReviewTask.subject == f"session:{session_id}", ReviewTask.resolved_at.is_(None))
        .order_by(ReviewTask.id)
    )
    return tuple(
        ReviewLine(
            id=row.id,
            kind=review(row.kind),
            created_at=row.created_at,
            details=review_details(row),
        )
        for row in rows
    )
