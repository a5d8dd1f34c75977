"""What a station's answer tells is written by the one writer, like what it says by itself."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import structlog

from gateway.answers import answer_fact
from gateway.connection import Connection
from gateway.dialect import Call, Handler, Reading, empty_answer
from gateway.envelope import CallResult
from gateway.writing.entry import Entry, Nobody, key_digest
from gateway.writing.writer import Writer
from holdfast.contracts.facts import Fact

logger = structlog.get_logger()

RECORD_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class AnswerFacts:
    """Hands facts of answers to the writer."""

    writer: Writer

    async def record(
        self, connection: Connection, call: Call, answer: CallResult, at: datetime
    ) -> None:
        """Record it before the order ends, so that whoever waits for the order finds it. A writer
        that is stuck only delays the order: the fact stays in its queue."""
        peer = connection.peer
        fact = answer_fact(peer.dialect.protocol, call.action, call.payload, answer.payload, at)
        if fact is None:
            return
        recorded = asyncio.Event()
        entry = Entry(
            peer=peer,
            owner=Nobody(),
            message_id=answer.message_id or str(uuid4()),
            action=call.action,
            frame=b"",  # the frame is in the message log already
            received_at=at,
            handler=Handler(_read, empty_answer),
            fact=fact,
            key=key_digest(fact.key),
        )
        entry.settled = recorded.set
        try:
            async with asyncio.timeout(RECORD_TIMEOUT_S):
                await self.writer.submit(entry)
                await recorded.wait()
        except TimeoutError:
            logger.warning("answer_waits_for_the_writer", station=peer.identity)


def _read(_payload: object, at: datetime) -> Reading:
    return Reading(Fact(at=at))
