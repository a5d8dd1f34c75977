"""Questions: out of turn, bounded in number and time, and honest where nobody can be asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from gateway.asking import QUESTIONS_MAX, Asking
from gateway.dialect import Handler, Outcome, Payload, Reading
from gateway.protocols import DIALECTS
from gateway.writing.entry import Entry, Nobody, Peer
from holdfast.contracts.facts import EventReported, Fact

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACT = EventReported(at=NOW, kind="question")


def told(_fact: Fact, outcome: Outcome) -> Payload:
    return {"found": outcome.details.get("found", "nobody was asked")}


def entry() -> Entry:
    """A question whose fact is committed."""
    made = Entry(
        peer=Peer(
            station_id=uuid4(),
            organization_id=uuid4(),
            identity="CP1",
            registration="accepted",
            dialect=DIALECTS["ocpp2.1"],
        ),
        owner=Nobody(),
        message_id="m",
        action="Question",
        frame=b"[]",
        received_at=NOW,
        handler=Handler(lambda _payload, _at: Reading(FACT), told, asks=True),
        fact=FACT,
    )
    made.outcome = Outcome(at=NOW)
    made.answer = told(FACT, made.outcome)
    return made


class Library:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = 0

    async def answer(self, _peer: Peer, _fact: Fact, outcome: Outcome) -> Outcome:
        self.asked += 1
        await self.open.wait()
        return Outcome(at=outcome.at, details={"found": "it"})


class Angry:
    """Cannot be asked."""

    async def answer(self, _peer: Peer, _fact: Fact, _outcome: Outcome) -> Outcome:
        raise RuntimeError("no")


@asynccontextmanager
async def closing(found: Asking) -> AsyncIterator[Asking]:
    try:
        yield found
    finally:
        found.cancel()


async def ask(found: Asking) -> Any:
    """The answer, when it comes."""
    answered: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
    assert found.take()
    found.ask(entry(), answered.set_result)
    return await asyncio.wait_for(answered, 30)


async def test_what_was_found_out_is_in_the_answer() -> None:
    library = Library()
    library.open.set()
    async with closing(Asking(library)) as found:
        assert await ask(found) == {"found": "it"}


async def test_at_most_four_questions_of_a_station_are_open_at_once() -> None:
    library = Library()
    answers: list[Payload] = []
    async with closing(Asking(library)) as found:
        for _ in range(QUESTIONS_MAX):
            assert found.take()
            found.ask(entry(), answers.append)
        assert not found.take()

        library.open.set()
        for _ in range(5):
            await asyncio.sleep(0)

        assert answers == [{"found": "it"}] * QUESTIONS_MAX
        assert found.take()


async def test_a_failure_claims_nothing_and_gives_its_place_back() -> None:
    async with closing(Asking(Angry())) as found:
        for _ in range(QUESTIONS_MAX + 1):
            assert await ask(found) == {"found": "nobody was asked"}


async def test_a_question_takes_no_longer_than_its_time() -> None:
    async with closing(Asking(Library(), timeout_s=0.02)) as found:
        assert await ask(found) == {"found": "nobody was asked"}


async def test_what_was_quarantined_is_answered_as_it_was() -> None:
    library = Library()
    broken = entry()
    broken.outcome = None
    answers: list[Payload] = []
    async with closing(Asking(library)) as found:
        assert found.take()
        found.ask(broken, answers.append)
        for _ in range(3):
            await asyncio.sleep(0)

    assert answers == [broken.answer]
    assert library.asked == 0


async def test_without_anybody_to_ask_there_is_no_place_for_a_question() -> None:
    assert not Asking(None).take()
