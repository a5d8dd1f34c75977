"""Everything that waits for a person, on one page, with what that person can do about it."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.contracts.names import payment_workflow_id
from holdfast.services.late_facts import apply_late_fact, discard_late_fact, list_late_facts
from holdfast.services.parked import drop, held_back, list_parked, retry
from holdfast.services.price_matters import PriceMatters, read_matters
from holdfast.services.quarantine import ask_replay, discard, list_quarantined
from holdfast.services.refusal import NotFound
from holdfast.services.review_tasks import list_review_tasks, resolve_review_task
from holdfast.services.scope import owned
from holdfast.services.slices import SliceAsked
from holdfast.services.tariff_drafts import count_to_review
from holdfast.store.tables import (
    LateFact,
    OutboxRow,
    Payment,
    Quarantined,
    ReviewTask,
    Session,
)
from web.dashboard.attention_tariffs import (
    DraftItem,
    PublicationItem,
    drafts_to_review,
    publications_that_wait,
)
from web.dashboard.message_log import readable
from web.dashboard.session import review_details
from web.dashboard.session_rows import SessionLine, select_sessions, session_lines
from web.live_page import uuid_or_none
from web.sentences import attention, review
from web.visit import Desk, Visit, back_to
from web.wording import PAYMENT, Badge, badge, words

SHOWN = 50
PAYLOAD_LENGTH_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """A review task. `session_id`, `tariff_id` and `feed` (of market prices) where it is about
    such, `station` where about one; `advice`: what can be done, where its name does not say it."""

    id: UUID
    kind: str
    session_id: UUID | None
    tariff_id: UUID | None
    feed: str | None
    advice: str | None
    station: str | None
    page: str
    subject: str
    created_at: datetime
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineItem:
    """A message that could not be applied. `replay_asked_at`: a gateway was told to try again."""

    id: UUID
    station: str
    action: str
    protocol: str
    received_at: datetime
    error: str
    text: str
    replay_asked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LateItem:
    """A fact that came after its session was closed."""

    id: UUID
    session_id: UUID
    name: str
    received_at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentItem:
    """A payment that a person must look at."""

    id: UUID
    session_id: UUID | None
    badge: Badge
    attention: str
    asked_minor: int
    currency: str
    changed_at: datetime
    workflow_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedItem:
    """A message to a workflow that could not be sent. `held_back`: later ones that wait for it."""

    id: int
    name: str
    workflow_id: str
    session_id: UUID | None
    error: str
    attempts: int
    held_back: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """The page: the newest fifty of each kind. `drafts`: how many there are in all."""

    to_review: tuple[DraftItem, ...]
    drafts: int
    publications: tuple[PublicationItem, ...]
    prices: PriceMatters
    sessions: tuple[SessionLine, ...]
    payments: tuple[PaymentItem, ...]
    reviews: tuple[ReviewItem, ...]
    quarantined: tuple[QuarantineItem, ...]
    late: tuple[LateItem, ...]
    parked: tuple[ParkedItem, ...]

    @property
    def empty(self) -> bool:
        """Nothing waits."""
        return not (
            self.to_review
            or self.publications
            or self.prices.count
            or self.sessions
            or self.payments
            or self.reviews
            or self.quarantined
            or self.late
            or self.parked
        )


async def read_attention(
    desk: Desk, db: AsyncSession, organization_id: UUID, reviewer: str | None
) -> Attention:
    """Short lists. `reviewer`: who may approve drafts, but their own."""
    asked = SliceAsked(limit=SHOWN)
    sessions = await db.execute(
        select_sessions(organization_id)
        .where(Session.attention.is_not(None), Session.closed_at.is_(None))
        .order_by(Session.id.desc())
        .limit(SHOWN)
    )
    payments = await db.scalars(
        owned(Payment, organization_id)
        .where(Payment.attention.is_not(None))
        .order_by(Payment.id.desc())
        .limit(SHOWN)
    )
    reviews = await list_review_tasks(db, organization_id, asked, resolved=False)
    quarantined = await list_quarantined(db, organization_id, asked, state="open")
    late = await list_late_facts(db, organization_id, asked, state="open")
    parked_rows = await list_parked(db, organization_id)
    return Attention(
        to_review=await drafts_to_review(db, organization_id, reviewer, SHOWN),
        drafts=0
        if reviewer is None
        else await count_to_review(db, organization_id, actor=reviewer),
        publications=await publications_that_wait(db, organization_id, SHOWN),
        prices=await read_matters(db, organization_id, desk.pages.now()),
        sessions=session_lines(sessions.all()),
        payments=tuple(_payment(desk, row) for row in payments),
        reviews=tuple(_review(row) for row in reviews.items),
        quarantined=tuple(_quarantined(row, station) for row, station in quarantined.items),
        late=tuple(_late(row) for row in late.items),
        parked=tuple([_parked(row, await held_back(db, row)) for row in parked_rows[:SHOWN]]),
    )


async def show_attention(visit: Visit) -> Response:
    """GET /attention. Not live: nothing may move under a form that somebody fills in."""
    viewer = visit.viewer
    view = await read_attention(visit.desk, visit.db, viewer.organization_id, viewer.reviewer)
    return visit.page("attention.html", view=view)


LINKED = ("Station", "Tariff id", "Session id", "Feed")
# Where a station's review task is decided, below the station's page.
REVIEW_PAGES = {
    "certificate": "/security",
    "certificate_approval": "/security",
    "password_rotation": "/security",
    "network_profile": "/security",
    "security_event": "/events",
}
ADVICE = {
    "spot_prices_differ": "The first word stays and is billed. Look which of the two is right, put "
    "the source right, and resolve this.",
    "other_currency": "If it is meant so, resolve this: nobody is asked again of that assignment. "
    "Else assign the site a tariff in its own currency.",
    "currency_differs": "Nothing of the hold can be taken for it: ask the driver for the amount in "
    "another way, or leave it, and resolve this.",
}
DONE = {
    "replay": "A gateway was asked to apply the message again.",
    "discard": "It was discarded.",
    "apply": "The session is priced again with it.",
    "resolve": "The task is resolved.",
    "retry": "It is sent again.",
    "drop": "It was dropped.",
}
QUARANTINE = {"replay": ask_replay, "discard": discard}
LATE_FACTS = {"apply": apply_late_fact, "discard": discard_late_fact}


async def decide_quarantined(visit: Visit) -> Response:
    """POST /attention/quarantine/{id}/{decision}: replay or discard."""
    row_id, decision = _named(visit, "quarantined message", tuple(QUARANTINE))
    return await _decided(visit, partial(QUARANTINE[decision], reason=visit.reason()), row_id)


async def decide_late(visit: Visit) -> Response:
    """POST /attention/late-facts/{id}/{decision}: apply or discard."""
    row_id, decision = _named(visit, "late fact", tuple(LATE_FACTS))
    return await _decided(visit, partial(LATE_FACTS[decision], reason=visit.reason()), row_id)


async def decide_review(visit: Visit) -> Response:
    """POST /attention/review-tasks/{id}/{decision}: resolve."""
    row_id, _ = _named(visit, "review task", ("resolve",))
    return await _decided(visit, partial(resolve_review_task, resolution=visit.reason()), row_id)


async def decide_parked(visit: Visit) -> Response:
    """POST /attention/outbox/{id}/{decision}: retry or drop."""
    number, decision = visit.request.path_params["id"], visit.request.path_params["decision"]
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        raise NotFound("outbox row", number)
    organization_id, actor = visit.viewer.organization_id, visit.viewer.actor
    if decision == "retry":
        await retry(visit.db, organization_id, int(number), reason=visit.reason(), actor=actor)
    elif decision == "drop":
        now = visit.desk.pages.now()
        await drop(
            visit.db, organization_id, int(number), reason=visit.reason(), actor=actor, now=now
        )
    else:
        raise NotFound("decision", decision)
    return back_to("/attention", DONE[decision])


def _named(visit: Visit, kind: str, decisions: tuple[str, ...]) -> tuple[UUID, str]:
    row_id = uuid_or_none(visit.request.path_params["id"])
    decision = visit.request.path_params["decision"]
    if row_id is None or decision not in decisions:
        raise NotFound(kind, visit.request.path_params["id"])
    return row_id, decision


async def _decided(
    visit: Visit, decide: Callable[..., Awaitable[object]], row_id: UUID
) -> Response:
    await decide(
        visit.db,
        visit.viewer.organization_id,
        row_id,
        actor=visit.viewer.actor,
        now=visit.desk.pages.now(),
    )
    return back_to("/attention", DONE[visit.request.path_params["decision"]])


def _payment(desk: Desk, row: Payment) -> PaymentItem:
    return PaymentItem(
        id=row.id,
        session_id=row.session_id,
        badge=badge(PAYMENT, row.state),
        attention=attention(row.attention or ""),
        asked_minor=row.asked_minor,
        currency=row.currency,
        changed_at=row.changed_at,
        workflow_url=desk.temporal_url(payment_workflow_id(row.id)),
    )


def _review(row: ReviewTask) -> ReviewItem:
    kind, _, name = row.subject.partition(":")
    station = str(row.details["station"]) if "station" in row.details else None
    return ReviewItem(
        id=row.id,
        kind=review(row.kind),
        session_id=uuid_or_none(name if kind == "session" else row.details.get("session_id")),
        tariff_id=uuid_or_none(row.details.get("tariff_id")),
        feed=str(row.details["feed"]) if kind == "spot_feed" and "feed" in row.details else None,
        advice=ADVICE.get(row.kind),
        station=station,
        page=REVIEW_PAGES.get(row.kind, ""),
        subject=row.subject,
        created_at=row.created_at,
        details=tuple(pair for pair in review_details(row) if pair[0] not in LINKED),
    )


def _quarantined(row: Quarantined, station: str) -> QuarantineItem:
    return QuarantineItem(
        id=row.id,
        station=station,
        action=row.action,
        protocol=row.protocol,
        received_at=row.received_at,
        error=row.error[:400],
        text=readable(row.frame)[1],
        replay_asked_at=row.decided_at,
    )


def _late(row: LateFact) -> LateItem:
    return LateItem(
        id=row.id,
        session_id=row.session_id,
        name=words(row.name),
        received_at=row.received_at,
        text=json.dumps(row.payload, indent=2, ensure_ascii=False)[:PAYLOAD_LENGTH_MAX],
    )


def _parked(row: OutboxRow, waiting: int) -> ParkedItem:
    kind, _, key = row.workflow_id.partition("-")
    return ParkedItem(
        id=row.id,
        name=words(row.name),
        workflow_id=row.workflow_id,
        session_id=uuid_or_none(key) if kind == "session" else None,
        error=(row.error or "")[:400],
        attempts=row.attempts,
        held_back=waiting,
        created_at=row.created_at,
    )
