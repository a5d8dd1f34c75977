"""Our own calls: one at a time, inbound served meanwhile, and no answer ever reaches the wrong call
(G4), whatever the station answers, when, how often and under which id."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from holdfast.contracts.orders import OrderAnswer, SendOrder
from tests.gateway.fuzz.conftest import Pair
from tests.gateway.fuzz.effort import effort
from tests.gateway.fuzz.frames import Sent, written
from tests.gateway.fuzz.line import Line

PATIENCE_S = 0.15  # for the answers that come too late, or not at all
TIMEOUT_S = 30.0
WORDS = ("Accepted", "Rejected", "UnknownVendorId")
NOISES: tuple[tuple[Any, ...], ...] = (
    (3, "nobody's", {"status": "Accepted", "data": "mixed up"}),
    (4, "nobody's", "GenericError", "mixed up", {}),
    (4, "-1", "GenericError", "mixed up", {}),
    (3, "", {"data": "mixed up"}),
    (3, None, {"data": "mixed up"}),
    (3,),
    (4,),
    (3, "%OLD%", {"status": "Accepted", "data": "mixed up"}),
    (4, "%OLD%", "GenericError", "mixed up", {}),
    (3, "%NOW%", "mixed up"),
    (3, "%NOW%", ["mixed up"]),
    (7, "%NOW%", {"data": "mixed up"}),
    ("3", "%NOW%", {"data": "mixed up"}),
)


@dataclass(frozen=True)
class Reply:
    """What the station does with one call: noise before, the answer, and the same again after."""

    kind: str  # "result", "error", "late" (after the call was given up)
    word: str
    before: list[tuple[Any, ...]]
    inbound: int  # messages of its own while it thinks
    repeats: int


REPLIES = st.builds(
    Reply,
    kind=st.sampled_from(("result", "result", "result", "error", "late")),
    word=st.sampled_from(WORDS),
    before=st.lists(st.sampled_from(NOISES), max_size=3),
    inbound=st.integers(0, 2),
    repeats=st.integers(0, 2),
)


class Talk:
    """A station that answers calls by a script."""

    def __init__(self, pair: Pair, line: Line, station_id: UUID) -> None:
        self._pair = pair
        self._line = line
        self._station_id = station_id
        self._old: list[str] = []
        self._said = 0

    async def place(self, marker: str) -> UUID:
        """The row of a DataTransfer of ours that carries the marker."""
        order_id = uuid4()
        await self._pair.rows(
            "INSERT INTO orders (id, organization_id, station_id, kind, payload, requested_by, "
            "not_after) VALUES (%s, %s, %s, 'data_transfer', %s, 'test', %s)",
            order_id,
            self._pair.organization_id,
            self._station_id,
            Jsonb({"vendor_id": "Acme", "data": marker}),
            datetime.now(UTC) + timedelta(minutes=5),
        )
        return order_id

    async def order(self, marker: str, order_id: UUID, timeout_s: float) -> OrderAnswer:
        """Send it as its workflow does, which tries again where nothing was sent."""
        order = SendOrder(order_id=order_id, generation=1, timeout_s=timeout_s)
        async with asyncio.timeout(4 * TIMEOUT_S):
            while True:
                try:
                    sent: OrderAnswer = await ActivityEnvironment().run(
                        self._pair.apps[0].orders.send, order
                    )
                    break
                except ApplicationError as not_sent:
                    if not_sent.type != "NotConnectedHere":
                        raise
        (row,) = await self._pair.rows("SELECT answer FROM orders WHERE id = %s", order_id)
        assert sent.state != "accepted" or row["answer"]["response"]["data"] == marker
        assert "mixed up" not in str(row["answer"])
        return sent

    async def reply(self, reply: Reply, sending: "asyncio.Task[OrderAnswer]") -> str:
        """Take the call and answer it; its marker."""
        message_id, _, payload = await asyncio.wait_for(self._line.calls.get(), TIMEOUT_S)
        for noise in reply.before:
            await self._noise(noise, message_id)
        for _ in range(reply.inbound):
            await self._inbound()
        if reply.kind == "late":
            await asyncio.wait([sending], timeout=TIMEOUT_S)
        answer: list[Any] = [3, message_id, {"status": reply.word, "data": payload["data"]}]
        if reply.kind == "error":
            answer = [4, message_id, "GenericError", payload["data"], {}]
        self._line.owed.discard(message_id)
        for _ in range(1 + reply.repeats):
            await self._line.send(Sent(written(answer).encode()))
        self._old.append(message_id)
        return str(payload["data"])

    async def _noise(self, noise: tuple[Any, ...], now: str) -> None:
        old = self._old[-1] if self._old else "nobody's"
        items = [{"%OLD%": old, "%NOW%": now}.get(str(one), one) for one in noise]
        await self._line.send(Sent(written(items).encode()))

    async def _inbound(self) -> None:
        """While our call is open the station is served, and what it says is stored."""
        self._said += 1
        payload = {"vendorId": "Acme", "data": str(self._said)}
        frame = await self._line.ask(f"in-{self._said}", "DataTransfer", payload)
        assert frame.startswith(b"[3,")


def expected(reply: Reply) -> set[str]:
    """The states that the order may end in."""
    if reply.kind == "late":
        return {"timed_out"}
    if reply.kind == "error" or reply.word != "Accepted":
        return {"rejected"}
    return {"accepted"}


@effort(25)
@given(
    protocol=st.sampled_from(("ocpp1.6", "ocpp2.0.1", "ocpp2.1")),
    replies=st.lists(REPLIES, min_size=1, max_size=4),
)
async def test_answers_in_any_order_reach_their_own_call_and_calls_go_one_by_one(
    pair: Pair, protocol: str, replies: list[Reply]
) -> None:
    identity, station_id = await pair.add_station()
    async with await pair.line(identity, protocol) as line:
        assert await line.is_alive()
        talk = Talk(pair, line, station_id)
        for number, reply in enumerate(replies):
            timeout_s = PATIENCE_S if reply.kind == "late" else TIMEOUT_S
            marker = f"marker-{number}"
            order_id = await talk.place(marker)
            sending = asyncio.create_task(talk.order(marker, order_id, timeout_s))
            assert await talk.reply(reply, sending) == marker
            assert (await sending).state in expected(reply)
        assert await line.is_alive()


@effort(12)
@given(replies=st.lists(REPLIES.filter(lambda one: one.kind != "late"), min_size=2, max_size=5))
async def test_orders_at_once_are_sent_one_after_the_other(
    pair: Pair, replies: list[Reply]
) -> None:
    identity, station_id = await pair.add_station()
    async with await pair.line(identity, "ocpp1.6") as line:
        assert await line.is_alive()
        talk = Talk(pair, line, station_id)
        placed = {f"m{number}": await talk.place(f"m{number}") for number in range(len(replies))}
        sending = {
            marker: asyncio.create_task(talk.order(marker, order_id, TIMEOUT_S))
            for marker, order_id in placed.items()
        }
        for reply in replies:
            marker = await talk.reply(reply, next(iter(sending.values())))
            assert (await sending.pop(marker)).state in expected(reply)
        assert await line.is_alive()
        assert line.calls.empty()
