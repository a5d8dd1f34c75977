"""Complete sessions, driven as the gateway drives them: OCPP 2.0.1 frames through its own writer.

An ordinary session: an RFID card starts it, the car suspends once and goes on, the driver ends
it; the card belongs to an account with a saved card, which is charged. Its facts are stamped
minutes in the past, so that the writer's debounce of ten seconds has passed when they arrive.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import psycopg
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.metrics import GatewayMetrics
from gateway.postgres import connect
from gateway.v201.dialect import OCPP201
from gateway.writing.entry import Entry, Peer, key_digest
from gateway.writing.writer import Writer
from holdfast.contracts.names import session_workflow_id
from holdfast.services import demo_network
from holdfast.store.tables import Account, Site, Station, Token

ACTION = "TransactionEvent"
LOOK_EVERY_S = 0.05
SESSION_WITHIN_S = 60.0
REGISTER_WH = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """One event of an ordinary session: how long ago it happened, and what was said."""

    event: str
    minutes_ago: int
    trigger: str
    state: str
    energy_wh: int
    context: str


ORDINARY = (
    Step("Started", 20, "Authorized", "Charging", 0, "Transaction.Begin"),
    Step("Updated", 15, "ChargingStateChanged", "SuspendedEV", 9_000, "Sample.Periodic"),
    Step("Updated", 10, "ChargingStateChanged", "Charging", 9_000, "Sample.Periodic"),
    Step("Ended", 1, "StopAuthorized", "EVConnected", 21_000, "Transaction.End"),
)
NUMBERS = count(1)


class Waiting:
    """Whoever waits in this process: always there."""

    is_open = True


@dataclass(frozen=True, slots=True)
class Driver:
    """A card, and the station of its own at which it is used."""

    peer: Peer
    token_uid: str


async def make_drivers(db: AsyncSession, how_many: int) -> list[Driver]:
    """Stations at the demo's first site; cards of its account holders, in turn."""
    site = (await db.scalars(select(Site).where(Site.name == demo_network.BERLIN))).one()
    uids = (
        await db.scalars(
            select(Token.uid)
            .join(Account, Account.id == Token.account_id)
            .where(Account.billing == "card", Token.status == "accepted")
            .order_by(Token.id)
        )
    ).all()
    drivers = []
    for number in range(how_many):
        identity = f"BENCH-{number:04}"
        values = {
            "organization_id": site.organization_id,
            "site_id": site.id,
            "identity": identity,
            "registration": "accepted",
        }
        added = await db.execute(insert(Station).values(values).returning(Station.id))
        peer = Peer(
            station_id=added.scalar_one(),
            organization_id=site.organization_id,
            identity=identity,
            registration="accepted",
            dialect=OCPP201,
        )
        drivers.append(Driver(peer, uids[number % len(uids)]))
    return drivers


def frame(step: Step, number: int, transaction_id: str, uid: str, at: datetime) -> bytes:
    """The message as a station sends it."""
    stamp = at.isoformat(timespec="milliseconds")
    sample = {
        "value": REGISTER_WH + step.energy_wh,
        "context": step.context,
        "measurand": "Energy.Active.Import.Register",
        "unitOfMeasure": {"unit": "Wh"},
    }
    payload: dict[str, Any] = {
        "eventType": step.event,
        "timestamp": stamp,
        "triggerReason": step.trigger,
        "seqNo": number,
        "transactionInfo": {"transactionId": transaction_id, "chargingState": step.state},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": stamp, "sampledValue": [sample]}],
    }
    if step.event == "Started":
        payload["idToken"] = {"idToken": uid, "type": "ISO14443"}
    return orjson.dumps([2, f"{transaction_id}-{number}", ACTION, payload])


@dataclass(slots=True)
class Watch:
    """What is unsent and which sessions are open, read again and again for all at once."""

    database_url: str
    unsent: set[str] = field(default_factory=set)
    open: dict[UUID, UUID] = field(default_factory=dict)
    looks: int = 0
    _looked: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self) -> None:
        """Look until cancelled."""
        connection = await psycopg.AsyncConnection.connect(self.database_url, autocommit=True)
        async with connection:
            while True:
                rows = await connection.execute(
                    "SELECT workflow_id FROM outbox WHERE sent_at IS NULL"
                )
                unsent = {str(row[0]) for row in await rows.fetchall()}
                rows = await connection.execute(
                    "SELECT station_id, id FROM sessions WHERE closed_at IS NULL"
                )
                self.unsent, self.open = unsent, dict(await rows.fetchall())
                async with self._looked:
                    self.looks += 1
                    self._looked.notify_all()
                await asyncio.sleep(LOOK_EVERY_S)

    async def relayed(self, station_id: UUID) -> UUID:
        """Until Temporal knows all that was said of the station's open session; its id."""
        await self._next()
        while (session_id := self.open.get(station_id)) is None:
            await self._next()
        while session_workflow_id(session_id) in self.unsent:
            await self._next()
        return session_id

    async def closed(self, station_id: UUID) -> None:
        """Until the station has no open session: its money is where it belongs."""
        await self._next()
        while station_id in self.open:
            await self._next()

    async def _next(self) -> None:
        """A look that began after now."""
        wanted = self.looks + 2
        async with self._looked:
            await self._looked.wait_for(lambda: self.looks >= wanted)


class Charging:
    """The real path: writer, outbox, relay, workflows, activities, provider."""

    def __init__(self, writer: Writer, watch: Watch, pause_s: float) -> None:
        self._writer = writer
        self._watch = watch
        self._pause_s = pause_s

    async def session(self, driver: Driver) -> UUID:
        """One ordinary session from the first message to its captured money; its id."""
        transaction_id = f"bench-{next(NUMBERS)}"
        arrived = datetime.now(UTC)
        async with asyncio.timeout(SESSION_WITHIN_S):
            for number, step in enumerate(ORDINARY):
                at = arrived - timedelta(minutes=step.minutes_ago)
                await self._report(
                    driver.peer, frame(step, number, transaction_id, driver.token_uid, at), at
                )
                if step.event != "Ended":
                    session_id = await self._watch.relayed(driver.peer.station_id)
                    await asyncio.sleep(self._pause_s)
            await self._watch.closed(driver.peer.station_id)
        return session_id

    async def _report(self, peer: Peer, message: bytes, at: datetime) -> None:
        """What the gateway does with a frame between reading it and answering it."""
        _, message_id, action, payload = orjson.loads(message)
        handler = peer.dialect.handlers[action]
        reading = handler.read(payload, at)
        committed = asyncio.Event()
        await self._writer.submit(
            Entry(
                peer=peer,
                owner=Waiting(),
                message_id=message_id,
                action=action,
                frame=message,
                received_at=at,
                handler=handler,
                fact=reading.fact,
                key=key_digest(reading.fact.key),
                twin=key_digest(reading.twin),
                settled=committed.set,
            )
        )
        await committed.wait()


@asynccontextmanager
async def charging(database_url: str, *, pause_s: float) -> AsyncIterator[Charging]:
    """A writer and a watch in this process; stopped and drained at the end."""
    metrics = GatewayMetrics(CollectorRegistry())
    writer = Writer(lambda: connect(database_url), start_timeout_s=300, metrics=metrics)
    watch = Watch(database_url)
    writing = asyncio.create_task(writer.run(), name="writer")
    looking = asyncio.create_task(watch.run(), name="watch")
    try:
        yield Charging(writer, watch, pause_s)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        writer.stop()
        await writing
