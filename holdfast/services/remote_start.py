"""Starting a session from here: its row, its workflow and the order, in one transaction."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import String, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import payment_workflow_id, session_workflow_id
from holdfast.contracts.payments import SESSION_CAME, SessionSignal
from holdfast.contracts.sessions import WORKFLOW, StartSession
from holdfast.domain.authorization import TokenGrant, TokenStatus, decide
from holdfast.domain.money import AMOUNT_MINOR_MAX
from holdfast.services.orders import place_order
from holdfast.services.outbox import notify, tell
from holdfast.services.payment_reads import get_payment
from holdfast.services.payment_steps import latest_operation
from holdfast.services.refusal import Conflict, Invalid
from holdfast.services.scope import find, owned
from holdfast.services.tariff_currency import check_hold
from holdfast.services.tokens import find_token
from holdfast.settings import Settings
from holdfast.store.tables import (
    Account,
    Evse,
    Order,
    Organization,
    Payment,
    Session,
    Station,
    Token,
)

AD_HOC_PREFIX = "HF"
AD_HOC_BYTES = 8  # the uid has 18 characters: OCPP 1.6 allows 20
EVSE_LOCKS = 0x45565345  # the first of two numbers that name an EVSE's lock
REMOTE_START_NUMBER_MAX = 2_147_483_647  # OCPP 2.x remoteStartId: int32


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLimits:
    """What the session may not exceed. The cost is after tax, in the tariff's currency."""

    energy_wh: int | None = None
    duration_s: int | None = None
    cost_minor: int | None = None

    def check(self, settings: Settings) -> None:
        """Raises Invalid where one is not above zero, or beyond what the installation allows."""
        for name, value, most in (
            ("limits.energy_wh", self.energy_wh, settings.session_energy_limit_wh),
            ("limits.duration_s", self.duration_s, settings.session_duration_limit_s),
            ("limits.cost_minor", self.cost_minor, AMOUNT_MINOR_MAX),
        ):
            if value is not None and not 1 <= value <= most:
                raise Invalid(name, value, f"use 1 to {most}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAsked:
    """What to start: on an EVSE, for a token, or for whoever made a payment."""

    evse: int
    connector: int | None = None
    token_uid: str | None = None
    payment_id: UUID | None = None
    limits: StartLimits = StartLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPlaced:
    """The session that waits for the station, and the order to it."""

    session: Session
    order: Order


async def place_start(
    db: AsyncSession,
    organization: Organization,
    station: Station,
    asked: StartAsked,
    *,
    requested_by: str,
    now: datetime,
    not_after: datetime,
    settings: Settings,
    relay_at: datetime | None = None,
) -> StartPlaced:
    """An authorised session without a transaction, which the station's start will be linked to.

    The order is dropped with the session at the latest: a car that starts later has no session.
    `relay_at`: see `place_order`.
    Raises NotFound (payment), Invalid, Conflict (token not accepted, payment not held or in another
    currency than the price, EVSE taken).
    """
    asked.limits.check(settings)
    start_timeout_s = settings.session_start_timeout_s
    await _check_evse(db, station, asked.evse)
    payment = await _held_payment(db, organization.id, asked.payment_id)
    token = await _accepted_token(db, organization.id, asked.token_uid, now)
    if token is None and payment is None:
        raise Invalid("token", None, "name a token, or a payment that is held")
    session = _authorised(station, asked, token, payment)
    if payment is not None:
        await check_hold(db, session, payment, now)
    db.add(session)
    await db.flush()
    await db.refresh(session)
    if payment is not None:
        payment.session_id = session.id
        payment.changed_at = now
        await db.flush()
        await _tell_payment(db, payment, station, session)
    await _tell_workflow(db, organization, station, session, start_timeout_s)
    order = await place_order(
        db,
        organization=organization,
        station=station,
        kind="start",
        payload={"evse": asked.evse, "connector": asked.connector},
        not_after=min(not_after, now + timedelta(seconds=start_timeout_s)),
        requested_by=requested_by,
        session_id=session.id,
        relay_at=relay_at,
    )
    await notify(db, ["sessions"])
    return StartPlaced(session=session, order=order)


def _authorised(
    station: Station, asked: StartAsked, token: Token | None, payment: Payment | None
) -> Session:
    """The row: allowed, and without a transaction."""
    payer = token if token is not None else payment
    return Session(
        organization_id=station.organization_id,
        station_id=station.id,
        site_id=station.site_id,
        evse=asked.evse,
        connector=asked.connector,
        token_id=None if token is None else token.id,
        token_uid=ad_hoc_uid() if token is None else token.uid,
        token_type="AD_HOC_USER" if token is None else token.type,
        account_id=None if payer is None else payer.account_id,
        payment_id=None if payment is None else payment.id,
        remote_start_number=secrets.randbelow(REMOTE_START_NUMBER_MAX) + 1,
        authorization="accepted",
        limit_energy_wh=asked.limits.energy_wh,
        limit_duration_s=asked.limits.duration_s,
        limit_cost_minor=asked.limits.cost_minor,
    )


async def _tell_payment(
    db: AsyncSession, payment: Payment, station: Station, session: Session
) -> None:
    """Where its session is, so that on-call finds the hold by its station."""
    await tell(
        db,
        payment.organization_id,
        payment_workflow_id(payment.id),
        operation="signal",
        name=SESSION_CAME,
        message=SessionSignal(
            event_id=f"session:{session.id}", station=station.identity, site_id=session.site_id
        ),
    )


async def _tell_workflow(
    db: AsyncSession,
    organization: Organization,
    station: Station,
    session: Session,
    start_timeout_s: int,
) -> None:
    await tell(
        db,
        organization.id,
        session_workflow_id(session.id),
        operation="start",
        name=WORKFLOW,
        message=StartSession(
            session_id=session.id,
            organization=organization.slug,
            organization_id=organization.id,
            site_id=station.site_id,
            station=station.identity,
            evse=session.evse,
            connector=session.connector,
            start_timeout_s=start_timeout_s,
        ),
    )


def ad_hoc_uid() -> str:
    """A uid that no card has, for a driver without one."""
    return AD_HOC_PREFIX + secrets.token_hex(AD_HOC_BYTES).upper()


async def _check_evse(db: AsyncSession, station: Station, evse: int) -> None:
    """Where the station's parts are known, it must be one of them; one start waits at a time.

    A session that runs there is the station's to judge: ours may be one that it has forgotten.
    The lock is the EVSE's, for this transaction: of two starts at once the later one sees the
    other's session. There may be no row to lock: stations announce their parts late or never.
    """
    await db.execute(
        select(
            func.pg_advisory_xact_lock(
                EVSE_LOCKS, func.hashtext(cast(station.id, String) + literal(f":{evse}"))
            )
        )
    )
    evses = owned(Evse, station.organization_id).where(Evse.station_id == station.id)
    known = set(await db.scalars(evses.with_only_columns(Evse.number)))
    if known and evse not in known:
        raise Invalid("evse", evse, f"use one of {', '.join(map(str, sorted(known)))}")
    busy = await db.scalar(
        owned(Session, station.organization_id)
        .where(
            Session.station_id == station.id,
            Session.evse == evse,
            Session.closed_at.is_(None),
            Session.started_at.is_(None),
            Session.ended_at.is_(None),
            Session.ended_by_us_at.is_(None),
        )
        .with_only_columns(Session.id)
        .limit(1)
    )
    if busy is not None:
        raise Conflict(f"EVSE {evse} waits for the start of session {busy}")


async def _held_payment(
    db: AsyncSession, organization_id: UUID, payment_id: UUID | None
) -> Payment | None:
    if payment_id is None:
        return None
    payment = await get_payment(db, organization_id, payment_id, lock=True)
    if payment.kind != "hold" or payment.state != "held":
        raise Conflict(f"the payment is {payment.state}: a session starts on a hold that is held")
    if payment.session_id is not None:
        raise Conflict("the payment belongs to another session")
    release = await latest_operation(db, payment, "release")
    if release is not None and release.outcome is None:
        raise Conflict("the hold is being given back: ask for another")
    return payment


async def _accepted_token(
    db: AsyncSession, organization_id: UUID, uid: str | None, now: datetime
) -> Token | None:
    """By the rule that answers stations too."""
    if uid is None:
        return None
    token = await find_token(db, organization_id, uid)
    if token is None:
        raise Invalid("token", None, "use the uid of a token of this organization")
    status = TokenStatus.ACCEPTED if token.status == "accepted" else TokenStatus.BLOCKED
    decision = decide(TokenGrant(status=status, expires_at=token.valid_until), now)
    if not decision.accepted:
        raise Conflict(f"the token is {decision.status.value}")
    if token.account_id is not None:
        account = await find(db, Account, organization_id, token.account_id, "account")
        if account.blocked_at is not None:
            raise Conflict("the token's account is blocked")
    return token
