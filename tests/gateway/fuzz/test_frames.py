"""No frame closes a socket, none about a transaction is refused or lost, every answer is lawful."""

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given

from gateway.envelope import Call, parse
from gateway.protocols import DIALECTS
from gateway.reading import Unreadable, content_of
from gateway.writing.entry import key_digest
from tests.gateway.fuzz.conftest import Pair
from tests.gateway.fuzz.effort import effort
from tests.gateway.fuzz.frames import (
    Conversation,
    Meaning,
    conversations,
    is_known,
    meaning,
    must_be_kept,
)
from tests.gateway.fuzz.line import UNREADABLE_ID, Line

FRAME_BYTES_MAX = 128 * 1024
LAST = "last-of-all"
VENDOR = {"vendorId": "Acme"}


def key_of(protocol: str, read: Meaning, frame: bytes) -> UUID | None:
    """The natural key that the message must be kept under."""
    handler = DIALECTS[protocol].handlers[read.action]
    found = parse(frame, sends=True)
    assert isinstance(found, Call)  # read as JSON says, also where the fast parser refuses it
    payload = found.payload
    try:
        return key_digest(handler.read(payload, datetime.now(UTC)).fact.key)
    except Unreadable:
        return key_digest(f"unreadable|{read.action}|{content_of(payload, frame)}")


class Keeping:
    """G1 at the moment of each answer: the frame and its fact or its quarantine are there."""

    def __init__(self, pair: Pair, station_id: UUID) -> None:
        self._pair = pair
        self._station_id = station_id
        self.owed: dict[str, tuple[bytes, UUID | None]] = {}
        self.lost: list[str] = []

    async def answered(self, message_id: str, kind: int) -> None:
        if kind == 4 and message_id == UNREADABLE_ID:
            return  # the error of a frame that could not be read: it has no id of its own
        owed = self.owed.get(message_id)
        if owed is not None and not await self.is_kept(*owed):
            self.lost.append(message_id)

    async def is_kept(self, frame: bytes, key: UUID | None) -> bool:
        (row,) = await self._pair.rows(
            "SELECT EXISTS (SELECT FROM frames WHERE station_id = %s AND NOT outbound "
            "AND frame = %s) AND EXISTS (SELECT FROM fact_keys WHERE station_id = %s "
            "AND key = %s) AS kept",
            self._station_id,
            frame,
            self._station_id,
            key,
        )
        return bool(row["kept"])


async def say_all(line: Line, told: Conversation, keeping: Keeping) -> list[tuple[Meaning, bytes]]:
    """Send every frame; what each meant."""
    said: list[tuple[Meaning, bytes]] = []
    for number, one in enumerate(told.frames):
        sent = one.under(f"id-{number}")
        read = meaning(told.protocol, sent.content)
        if read.kind is not None and must_be_kept(told.protocol, read):
            key = key_of(told.protocol, read, sent.content)
            keeping.owed[read.message_id] = sent.content, key
        said.append((read, sent.content))
        await line.send(sent)
        if not told.at_once and read.kind == 2:
            await line.heard(read.message_id)
    return said


@effort(110)
@given(told=conversations())
async def test_no_frame_closes_the_socket_and_no_transaction_is_refused(
    pair: Pair, told: Conversation
) -> None:
    identity, station_id = await pair.add_station()
    keeping = Keeping(pair, station_id)
    async with await pair.line(identity, told.protocol, answered=keeping.answered) as line:
        said = await say_all(line, told, keeping)
        # Answers leave in order, but for heartbeats and questions: these are waited for by id.
        await line.ask(LAST, "DataTransfer", VENDOR)
        for read, _ in said:
            if read.kind == 2:
                await line.heard(read.message_id)
        assert await line.is_alive()
        assert keeping.lost == []
        refusable = Counter(
            read.message_id
            for read, _ in said
            if read.kind == 2 and not must_be_kept(told.protocol, read)
        )
        unknown = Counter(
            read.message_id
            for read, _ in said
            if read.kind == 2 and not is_known(told.protocol, read.action)
        )
        # Under "-1" come the errors about frames that could not be read, too.
        called = {read.message_id for read, _ in said if read.kind == 2} - {UNREADABLE_ID}
        for message_id in called:
            assert unknown[message_id] <= line.refused[message_id] <= refusable[message_id]
        for read, _ in said:
            if read.kind == 6 and must_be_kept(told.protocol, read):
                assert await keeping.is_kept(*keeping.owed[read.message_id])
