"""What a session's workflow asks of the rows: begin, order a stop, end, cancel."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import payment_workflow_id
from holdfast.contracts.payments import RELEASE_ASKED, ReasonSignal
from holdfast.contracts.sessions import (
    Asked,
    AskOrder,
    CancelOrder,
    EndOrder,
    SessionPlan,
    StopOrder,
)
from holdfast.services import transaction_questions, tripwires
from holdfast.services.orders import place_order
from holdfast.services.outbox import notify, tell
from holdfast.services.price_terms import freeze
from holdfast.services.session_decisions import forced_by
from holdfast.services.session_price import UNPRICEABLE
from holdfast.services.tariff_choice import Choice
from holdfast.services.tariff_currency import note_at_start
from holdfast.services.timeline import open_review, record_event
from holdfast.settings import Settings
from holdfast.store.tables import Organization, Payment, Session, Station, Tariff, TariffVersion

# Names the stop orders of a session: the same attempt is the same order.
STOP_ORDERS = UUID("5d7f0a52-3c8e-4a55-9b1c-1f6d2b7e9a10")


class SessionNotFound(Exception):
    """No such session."""


async def locked_session(db: AsyncSession, session_id: UUID) -> Session:
    """The row, locked until the end of the transaction. Raises `SessionNotFound`."""
    session = await db.get(Session, session_id, with_for_update=True)
    if session is None:
        raise SessionNotFound(f"no session {session_id}")
    return session


async def begin(
    db: AsyncSession, session: Session, settings: Settings, now: datetime
) -> SessionPlan:
    """Freeze the tariff version and terms; plant tripwires once the session has started.

    Raises what pricing raises, unless it was waived: then it needs no price to go on.
    """
    choice = None
    if session.tariff_version_id is None:
        choice = await freeze(db, session, session.started_at or session.ended_at or now)
    currencies = {} if choice is None else await note_at_start(db, session, choice)
    ended = session.ended_at is not None or session.ended_by_us_at is not None
    if session.started_at is not None and not ended:
        await _plant(db, session, settings, now)
    await record_event(
        db,
        session,
        key="begun",
        kind="begun",
        at=session.started_at or now,
        details={**await _tariff_words(db, session, choice), **currencies},
    )
    await notify(db, ["sessions"])
    return SessionPlan(
        final_wait_s=settings.session_final_wait_s,
        stop_retry_s=settings.session_stop_retry_s,
        tariff_version_id=session.tariff_version_id,
        tripwire_version=session.tripwire_version,
        ended=ended,
        complete=session.sequence_gaps == 0,
        start_left_s=_start_left_s(session, settings, now),
    )


def _start_left_s(session: Session, settings: Settings, now: datetime) -> int:
    """A workflow that is built again does not wait anew. At least 1 s: what the station said
    meanwhile may still be on its way."""
    waited_s = int((now - session.created_at).total_seconds())
    return max(1, settings.session_start_timeout_s - waited_s)


async def _plant(db: AsyncSession, session: Session, settings: Settings, now: datetime) -> None:
    silence_s = settings.session_silence_s
    try:
        await tripwires.plant(db, session, settings, now, silence_s=silence_s)
    except UNPRICEABLE:
        if session.waive_audit_id is None:
            raise
        await tripwires.plant(db, session, settings, now, silence_s=silence_s, limits=False)


async def _tariff_words(
    db: AsyncSession, session: Session, choice: Choice | None
) -> dict[str, object]:
    """The frozen version as people call it."""
    if choice is not None:
        return {"tariff": choice.tariff.name, "version": choice.version.number}
    if session.tariff_version_id is None:
        return {"tariff": "none"}
    row = (
        await db.execute(
            select(Tariff.name, TariffVersion.number)
            .join(TariffVersion, TariffVersion.tariff_id == Tariff.id)
            .where(TariffVersion.id == session.tariff_version_id)
        )
    ).one()
    return {"tariff": row.name, "version": row.number}


async def order_stop(
    db: AsyncSession,
    session: Session,
    *,
    key: str,
    requested_by: str,
    valid_s: int,
    now: datetime,
) -> None:
    """Order the station to stop this session's transaction; the same key orders once."""
    station = await db.get(Station, session.station_id)
    organization = await db.get(Organization, session.organization_id)
    if station is None or organization is None or session.transaction_id is None:
        return
    await place_order(
        db,
        organization=organization,
        station=station,
        kind="stop",
        payload={"transaction_id": session.transaction_id},
        not_after=now + timedelta(seconds=valid_s),
        requested_by=requested_by,
        session_id=session.id,
        order_id=uuid5(STOP_ORDERS, f"{session.id}:{key}"),
    )


async def stop(db: AsyncSession, session: Session, order: StopOrder, now: datetime) -> None:
    """One more attempt at stopping; nothing where the session ended meanwhile."""
    if session.ended_at is not None or session.ended_by_us_at is not None:
        return
    # The version of the plan is in the key: attempts count anew after a rebuild.
    key = f"{session.tripwire_version}:{order.attempt}"
    await order_stop(
        db,
        session,
        key=key,
        requested_by=f"system:session ({order.reason})",
        valid_s=order.valid_s,
        now=now,
    )
    await record_event(
        db,
        session,
        key=f"stop_ordered:{key}",
        kind="stop_ordered",
        at=now,
        details={"reason": order.reason, "attempt": order.attempt},
    )
    await notify(db, ["sessions"])


async def ask(db: AsyncSession, session: Session, order: AskOrder, now: datetime) -> Asked:
    """Ask the station what it still has of the transaction."""
    asked = await transaction_questions.ask(
        db, session, key=f"end:{order.attempt}", valid_s=order.valid_s, now=now
    )
    if asked:
        await record_event(
            db, session, key=f"asked:{order.attempt}", kind="asked_what_is_owed", at=now
        )
        await notify(db, ["sessions"])
    return Asked(asked=asked)


async def end(db: AsyncSession, session: Session, order: EndOrder, now: datetime) -> None:
    """End it in our own name, at its last register. The station's word, if it came, stands."""
    if session.ended_at is not None or session.ended_by_us_at is not None:
        return
    session.ended_by_us_at = now
    session.end_reason = order.reason
    session.wake_at = None
    if order.reason == "not_ongoing":
        # It said itself that it is over; why it never sent the end is a person's to find out.
        await open_review(db, session, kind="end_not_reported", details={})
    if order.reason == "forced":
        # Nobody pays from here on: the station should not go on charging.
        by = await forced_by(db, session)
        await order_stop(db, session, key="forced", requested_by=by, valid_s=3600, now=now)
    await record_event(
        db, session, key="ended_by_us", kind=f"ended.{order.reason}", at=now, details={}
    )
    await notify(db, ["sessions"])


async def cancel(db: AsyncSession, session: Session, order: CancelOrder, now: datetime) -> bool:
    """Close a session that never started and give its hold back; false if it had started."""
    if session.started_at is not None or session.ended_at is not None:
        return False
    if session.closed_at is not None:
        return True
    session.closed_at = now
    session.end_reason = order.reason
    session.attention = None
    if session.payment_id is not None:
        hold = await db.get(Payment, session.payment_id)
        if hold is not None and hold.closed_at is None:
            await tell(
                db,
                session.organization_id,
                payment_workflow_id(hold.id),
                operation="signal",
                name=RELEASE_ASKED,
                message=ReasonSignal(event_id=f"cancel:{session.id}", reason=order.reason),
            )
    await record_event(
        db, session, key="never_started", kind=f"never_started.{order.reason}", at=now
    )
    await notify(db, ["sessions", "outbox"])
    return True
