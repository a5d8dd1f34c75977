"""Tripwires: limits of cost, energy, time and silence as an energy and an instant in the row.

A session's limits are those of the installation, narrowed by what was asked for at its start and by
what is held for it.

The gateway's writer fires the energy, the relay the instants; each plan fires once. Planting again
under a new version is how a session goes on being watched.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.sessions import TRIPWIRE_CROSSED, Check, TripwireSignal, tripwire_event_id
from holdfast.domain.currency import Currency
from holdfast.domain.limits import (
    LimitReason,
    SessionLimits,
    limits_reached,
    plan_tripwires,
)
from holdfast.domain.money import Money
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.cost_limit import HORIZON
from holdfast.domain.running_state import RunningState
from holdfast.domain.tariff.version import DimensionType
from holdfast.services import transaction_questions
from holdfast.services.compiled_tariffs import compiled_version
from holdfast.services.outbox import tell
from holdfast.services.session_course import MWH_PER_WH
from holdfast.services.session_price import SessionPrice, price_session
from holdfast.settings import Settings
from holdfast.store.tables import Payment, Session

QUESTION_VALID_S = 600
# Set aside of a hold for what flows between the stop order and the stop itself.
HOLD_MARGIN = Fraction(1, 20)


NO_PRICE = PriceContext(zone="UTC")
"""Where nothing is limited by cost, nothing is priced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is known of a running session when its tripwires are judged or planted."""

    tariff: CompiledTariff | None
    context: PriceContext
    state: RunningState
    limits: SessionLimits


async def _watch(db: AsyncSession, session: Session, settings: Settings, now: datetime) -> Watch:
    tariff, cost_limit, found = None, None, None
    if session.tariff_version_id is not None:
        tariff = await compiled_version(db, session.tariff_version_id)
        cost_limit = await _cost_limit(db, session, tariff.tariff.currency)
    if cost_limit is not None:
        found = await price_session(db, session, now, ahead=HORIZON)
    return Watch(
        tariff=tariff,
        context=NO_PRICE if found is None else found.context,
        state=_state(session, now, found),
        limits=SessionLimits(
            cost=cost_limit,
            energy_wh=_least(session.limit_energy_wh, settings.session_energy_limit_wh),
            duration_s=_least(session.limit_duration_s, settings.session_duration_limit_s),
        ),
    )


def _state(session: Session, now: datetime, found: SessionPrice | None) -> RunningState:
    """How far it is. Where prices change on signed readings only, its last price is held."""
    state = RunningState(
        started_at=session.started_at or now,
        as_of=now,
        energy_mwh=session.energy_wh * MWH_PER_WH,
    )
    if found is None:
        return state
    state = replace(
        state,
        cost=found.priced.exact_incl,
        flat_charged=found.priced.total(DimensionType.FLAT).quantity > 0,
    )
    if found.course.signed is None:
        return state
    last = found.periods[-1]
    held_from_mwh = sum(period.energy_mwh for period in found.periods[:-1])
    return replace(state, held_since=last.started_at, held_from_mwh=held_from_mwh)


def _least(asked: int | None, allowed: int) -> int:
    """The installation's limit holds, whatever was asked for when it was still another."""
    return allowed if asked is None else min(asked, allowed)


async def _cost_limit(db: AsyncSession, session: Session, currency: Currency) -> Money | None:
    """The less of what was asked for at the start and of the hold, in the tariff's currency."""
    held = await _hold_limit(db, session, currency)
    if session.limit_cost_minor is None:
        return held
    asked = Money(session.limit_cost_minor, currency)
    return asked if held is None else min(asked, held, key=lambda money: money.amount_minor)


async def _hold_limit(db: AsyncSession, session: Session, currency: Currency) -> Money | None:
    """What is held, less the margin; nothing where the hold is gone or in another currency, of
    which nothing could be captured (`tariff_currency`); None without a hold."""
    if session.payment_id is None:
        return None
    payment = await db.get(Payment, session.payment_id)
    if payment is None:
        return None
    spendable = payment.state == "held" and payment.currency == currency.code
    held = payment.held_minor if spendable else 0
    return Money(int(held * (1 - HOLD_MARGIN)), currency)


async def plant(
    db: AsyncSession,
    session: Session,
    settings: Settings,
    now: datetime,
    *,
    silence_s: int,
    limits: bool = True,
) -> None:
    """Write the next plan into the locked row. What is crossed already fires at once."""
    energy_mwh, limit_at = None, None
    if limits:
        watch = await _watch(db, session, settings, now)
        plan = plan_tripwires(watch.tariff, watch.state, watch.limits, watch.context)
        energy_mwh, limit_at = plan.energy_threshold_mwh, plan.wake_at
    session.tripwire_version += 1
    session.energy_threshold_mwh = energy_mwh
    session.limit_at = limit_at
    session.silence_s = silence_s
    heard_at = session.last_seen_at or now
    session.wake_at = min(
        heard_at + timedelta(seconds=silence_s), limit_at or datetime.max.replace(tzinfo=now.tzinfo)
    )
    if energy_mwh is not None and session.energy_wh * MWH_PER_WH >= energy_mwh:
        session.fired_version = session.tripwire_version
        await tell(
            db,
            session.organization_id,
            session_workflow_id(session.id),
            operation="signal",
            name=TRIPWIRE_CROSSED,
            message=TripwireSignal(
                event_id=tripwire_event_id(session.id, session.tripwire_version),
                version=session.tripwire_version,
            ),
        )
    await db.flush()


async def judge(
    db: AsyncSession,
    session: Session,
    settings: Settings,
    now: datetime,
    *,
    version: int,
    stopping: bool,
) -> Check:
    """What the crossed tripwire means; plants the next one where the session goes on."""
    if session.ended_at is not None or session.ended_by_us_at is not None:
        return Check(verdict="go_on", summary="ended", tripwire_version=session.tripwire_version)
    reported_at = session.last_seen_at or session.started_at or now
    confirmed_at = await transaction_questions.last_ongoing_at(db, session)
    heard_at = max(reported_at, confirmed_at or reported_at)
    silent_s = int((now - heard_at).total_seconds())
    if silent_s >= settings.session_zombie_s:
        return Check(
            verdict="zombie",
            reason="zombie",
            summary=f"silent for {silent_s} s",
            tripwire_version=session.tripwire_version,
        )
    reached = () if stopping else await _reached(db, session, settings, now)
    silent = not reached and silent_s >= settings.session_silence_s
    # An older version is this question asked again, its answer having been lost: the next plan is
    # already in force, and only the verdict is repeated.
    if version >= session.tripwire_version:
        if silent:
            await transaction_questions.ask(
                db, session, key=f"silent:{version}", valid_s=QUESTION_VALID_S, now=now
            )
        allowed_s = settings.session_zombie_s if silent else settings.session_silence_s
        await plant(
            db,
            session,
            settings,
            now,
            # The relay reckons from the station's last message; a confirmation counts as one.
            silence_s=allowed_s + int((heard_at - reported_at).total_seconds()),
            limits=not (reached or stopping),
        )
    verdict = "stop" if reached else "silent" if silent else "go_on"
    reason = reached[0].value if reached else "silence" if silent else None
    return Check.model_validate(
        {
            "verdict": verdict,
            "reason": reason,
            "summary": f"{session.energy_wh} Wh; silent for {silent_s} s",
            "tripwire_version": session.tripwire_version,
        }
    )


async def _reached(
    db: AsyncSession, session: Session, settings: Settings, now: datetime
) -> tuple[LimitReason, ...]:
    watch = await _watch(db, session, settings, now)
    return limits_reached(watch.tariff, watch.state, watch.limits, watch.context, now=now)
