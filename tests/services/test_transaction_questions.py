"""A station is asked about its transaction, and what it says is a sign of life."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.sessions import TRANSACTION_STATUS_TOLD
from holdfast.services import transaction_questions, tripwires
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import Order, OutboxRow, Session, Station
from tests.activities.rows import Network, network, session

NOW = datetime.now(UTC)
ANSWERS: list[tuple[dict[str, Any] | None, str, tuple[bool | None, bool | None]]] = [
    ({"response": {"ongoingIndicator": True, "messagesInQueue": False}}, "accepted", (True, False)),
    ({"response": {"messagesInQueue": True}}, "accepted", (None, True)),
    ({"response": {"ongoingIndicator": "yes", "messagesInQueue": 1}}, "accepted", (None, None)),
    ({"response": []}, "accepted", (None, None)),
    (None, "expired", (None, None)),
    ({"response": {"ongoingIndicator": True}}, "timed_out", (None, None)),
]


@pytest.fixture
async def made(db_sessions: Sessions, organization: UUID) -> Network:
    """A network whose station speaks OCPP 2.0.1."""
    made = await network(db_sessions, organization)
    async with db_sessions.begin() as db:
        await db.execute(update(Station).values(protocol="ocpp2.0.1"))
    return made


@pytest.fixture
async def running(db_sessions: Sessions, made: Network) -> UUID:
    """A session that was heard of an hour ago."""
    return await session(
        db_sessions, made, ended_at=None, meter_stop_mwh=None,
        last_seen_at=NOW - timedelta(hours=1),
        tripwire_version=1,
    )  # fmt: skip


async def ask(db_sessions: Sessions, session_id: UUID, key: str, valid_s: int = 5) -> bool:
    async with db_sessions.begin() as db:
        row = await db.get_one(Session, session_id)
        return await transaction_questions.ask(db, row, key=key, valid_s=valid_s, now=NOW)


async def orders(db_sessions: Sessions) -> list[Order]:
    async with db_sessions() as db:
        return list(await db.scalars(select(Order).order_by(Order.created_at)))


async def answered(db_sessions: Sessions, session_id: UUID, *, ongoing: bool, at: datetime) -> None:
    """The question of this session was put, and answered then."""
    await ask(db_sessions, session_id, key=f"answered:{at}")
    response = {"ongoingIndicator": ongoing, "messagesInQueue": False}
    async with db_sessions.begin() as db:
        await db.execute(
            update(Order)
            .where(Order.session_id == session_id)
            .values(state="accepted", answer={"response": response}, answered_at=at)
        )


async def test_the_same_question_is_one_order_and_another_is_another(
    db_sessions: Sessions, running: UUID
) -> None:
    for key in ("end:1", "end:1", "end:2"):
        assert await ask(db_sessions, running, key)

    placed = await orders(db_sessions)
    assert len(placed) == 2
    assert {(one.kind, one.session_id) for one in placed} == {("transaction_status", running)}
    assert all(one.payload == {"transaction_id": "77"} for one in placed)
    # Shorter than a call takes, it would never be sent.
    assert all(one.not_after == NOW + timedelta(seconds=30) for one in placed)


@pytest.mark.parametrize("protocol", ["ocpp1.6", None])
async def test_nobody_is_asked_who_has_no_word_for_it(
    db_sessions: Sessions, running: UUID, protocol: str | None
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(update(Station).values(protocol=protocol))

    assert not await ask(db_sessions, running, "end:1")
    assert await orders(db_sessions) == []


async def test_nobody_is_asked_about_a_transaction_that_never_was(
    db_sessions: Sessions, made: Network
) -> None:
    ordered = await session(db_sessions, made, transaction_id=None)

    assert not await ask(db_sessions, ordered, "end:1")


@pytest.mark.parametrize(("answer", "state", "means"), ANSWERS)
def test_an_answer_means_what_it_says_and_no_more(
    answer: dict[str, Any] | None, state: str, means: tuple[bool | None, bool | None]
) -> None:
    assert transaction_questions.answer_of(Order(state=state, answer=answer)) == means


async def test_the_session_is_told_of_its_question_and_of_no_other_order(
    db_sessions: Sessions, running: UUID
) -> None:
    await answered(db_sessions, running, ongoing=False, at=NOW)
    async with db_sessions.begin() as db:
        order = (await db.scalars(select(Order))).one()
        await transaction_questions.tell_answer(db, order)
        other = Order(kind="stop", session_id=running, state="accepted", answer=order.answer)
        await transaction_questions.tell_answer(db, other)
        of_nobody = Order(kind="transaction_status", session_id=None, state="accepted")
        await transaction_questions.tell_answer(db, of_nobody)

    async with db_sessions() as db:
        told = (
            await db.scalars(select(OutboxRow).where(OutboxRow.name == TRANSACTION_STATUS_TOLD))
        ).all()
    (row,) = told
    assert row.workflow_id == session_workflow_id(running)
    assert (row.payload["ongoing"], row.payload["messages_waiting"]) == (False, False)
    assert row.payload["event_id"] == f"order:{order.id}"


async def judged(db_sessions: Sessions, settings: Settings, session_id: UUID, version: int) -> str:
    async with db_sessions.begin() as db:
        row = await db.get_one(Session, session_id)
        check = await tripwires.judge(db, row, settings, NOW, version=version, stopping=False)
    return check.verdict


async def test_a_silent_session_is_asked_about_once_for_each_tripwire(
    db_sessions: Sessions, settings: Settings, running: UUID
) -> None:
    verdicts = [await judged(db_sessions, settings, running, 1) for _ in range(2)]

    assert verdicts == ["silent", "silent"]
    assert [one.kind for one in await orders(db_sessions)] == ["transaction_status"]
    async with db_sessions() as db:
        row = await db.get_one(Session, running)
        assert (row.tripwire_version, row.silence_s) == (2, settings.session_zombie_s)


@pytest.mark.parametrize(("ongoing", "verdict"), [(True, "go_on"), (False, "silent")])
async def test_a_station_that_says_that_it_goes_on_is_not_silent(
    db_sessions: Sessions, settings: Settings, running: UUID, ongoing: bool, verdict: str
) -> None:
    await answered(db_sessions, running, ongoing=ongoing, at=NOW - timedelta(minutes=1))

    assert await judged(db_sessions, settings, running, 1) == verdict

    async with db_sessions() as db:
        row = await db.get_one(Session, running)
        # The relay reckons from the last message, an hour ago; the answer is 59 minutes younger.
        at_least = settings.session_silence_s if ongoing else settings.session_zombie_s
        assert row.silence_s == at_least + (59 * 60 if ongoing else 0)


async def test_a_confirmation_keeps_a_session_from_being_given_up(
    db_sessions: Sessions, settings: Settings, running: UUID
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(update(Session).values(last_seen_at=NOW - timedelta(days=2)))
    await answered(db_sessions, running, ongoing=True, at=NOW - timedelta(hours=2))
    assert await judged(db_sessions, settings, running, 1) == "silent"

    async with db_sessions.begin() as db:
        await db.execute(update(Order).values(answered_at=NOW - timedelta(days=1, seconds=1)))
    assert await judged(db_sessions, settings, running, 2) == "zombie"


async def test_what_has_ended_is_not_judged(
    db_sessions: Sessions, settings: Settings, made: Network
) -> None:
    ended = await session(db_sessions, made, last_seen_at=NOW - timedelta(days=2))

    assert await judged(db_sessions, settings, ended, 1) == "go_on"
    assert await orders(db_sessions) == []
