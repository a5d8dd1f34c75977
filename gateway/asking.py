"""Questions of one station that somebody else must answer: bounded in number and time, out of
turn, so that nobody waits behind them (`gateway.dialect.Questions`)."""

import asyncio
from collections.abc import Callable

import structlog

from gateway.dialect import Payload, Questions
from gateway.writing.entry import Entry

logger = structlog.get_logger()

QUESTIONS_MAX = 4
QUESTION_TIMEOUT_S = 20.0


class Asking:
    """The open questions of one connection."""

    def __init__(self, questions: Questions | None, timeout_s: float = QUESTION_TIMEOUT_S) -> None:
        self._questions = questions
        self._timeout_s = timeout_s
        self._open = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self) -> bool:
        """A place for one more question; without one it is answered as the database knows it."""
        if self._questions is None or self._open >= QUESTIONS_MAX:
            return False
        self._open += 1
        return True

    def ask(self, entry: Entry, done: Callable[[Payload], None]) -> None:
        """The fact is committed: ask, then call `done` with the answer. Ends what `take` began."""
        task = asyncio.create_task(self._ask(entry, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """The socket is closed: nobody hears the answers."""
        for task in self._tasks:
            task.cancel()

    async def _ask(self, entry: Entry, done: Callable[[Payload], None]) -> None:
        try:
            answer = await self._answer(entry)
        finally:
            self._open -= 1
        if answer is not None:
            done(answer)

    async def _answer(self, entry: Entry) -> Payload | None:
        questions, fact, outcome = self._questions, entry.fact, entry.outcome
        if questions is None or fact is None or outcome is None:
            return entry.answer  # it was quarantined, or not even that
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await questions.answer(entry.peer, fact, outcome)
                return entry.handler.answer(fact, found)
        except Exception as error:
            # The text of an error may name what the question was about.
            logger.warning(
                "question_unanswered",
                station=entry.peer.identity,
                action=entry.action,
                error=type(error).__name__,
            )
            return entry.answer
