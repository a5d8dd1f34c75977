"""What a station still owes after the end of a transaction: wait for it, ask, and not for ever.

OCPP 2.x numbers its messages, so a missing one is seen. GetTransactionStatus (E14) says whether the
station still holds messages: while it does, they will come, however long it was offline; once it
does not, what is missing is lost and the session is settled on what there is.
"""

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow

from holdfast.contracts import sessions as contract
from holdfast.contracts.sessions import Asked, AskOrder
from workflows.attention import Attention
from workflows.session_hearing import SessionHearing
from workflows.step import Refused, step

PAUSE_FIRST_S = 30
PAUSE_MAX_S = 3600
HELD_MAX = timedelta(hours=24)
OWES = "station_owes_messages"

Say = Callable[[str], None]


class OwedMessages:
    """One session's wait. `first_s`: how long, as long as the station does not say that it holds
    messages; then up to a day, with attention raised."""

    def __init__(
        self, session: SessionHearing, attention: Attention, first_s: int, say: Say
    ) -> None:
        self._session = session
        self._attention = attention
        self._say = say
        # Several questions in the first wait, however short it is set.
        self._pause_s = max(1, min(PAUSE_FIRST_S, first_s // 4))
        self._began = workflow.now()
        self._deadline = self._began + timedelta(seconds=first_s)
        self._patience = self._deadline
        self._attempt = 0

    async def wait(self) -> None:
        """Until all came, the station holds no more, a person decided, or the time is up."""
        pause_s = self._pause_s
        while not self._over() and workflow.now() < self._deadline:
            self._session.told = None
            if not await self._ask(pause_s):
                await self._until(self._deadline - workflow.now(), self._over)
                break
            next_ask = workflow.now() + timedelta(seconds=pause_s)
            left = min(next_ask, self._deadline) - workflow.now()
            await self._until(left, lambda: self._over() or self._session.told is not None)
            if self._judge():
                return
            if workflow.now() >= self._patience and workflow.now() < self._deadline:
                await self._attention.ask(OWES)
            left = min(next_ask, self._deadline) - workflow.now()
            await self._until(left, self._over)
            pause_s = min(PAUSE_MAX_S, pause_s * 2)
        if not self._session.complete:
            self._say("ended; what the station owed did not come in time")

    def _over(self) -> bool:
        return self._session.complete or bool(self._session.decisions)

    def _judge(self) -> bool:
        """Take the answer into account; true where there is nothing left to wait for."""
        told = self._session.told
        if told is None or told.messages_waiting is None:
            return False
        if told.messages_waiting:
            self._deadline = max(self._deadline, self._began + HELD_MAX)
            self._say("ended; the station says that it still holds messages")
            return False
        self._say("ended; the station holds no more messages: what is missing is lost")
        return True

    async def _ask(self, valid_s: int) -> bool:
        self._attempt += 1
        try:
            asked: Asked = await step(
                contract.ask_transaction,
                AskOrder(
                    session_id=self._session.session_id, attempt=self._attempt, valid_s=valid_s
                ),
                summary=f"ask what the station still holds ({self._attempt})",
            )
        except Refused:
            return False
        return asked.asked

    async def _until(self, left: timedelta, met: Callable[[], bool]) -> None:
        if left <= timedelta(0) or met():
            return
        try:
            await workflow.wait_condition(met, timeout=left, timeout_summary="late final values")
        except TimeoutError:
            return
