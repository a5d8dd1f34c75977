"""What a 2.0.1 station still owes, with every engine real: a station by hand on a gateway's socket,
Temporal, the relay and the workers, Postgres. The times are settings, and short."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select
from temporalio.client import Client
from temporalio.service import RPCError

from cli.embedded.databases import create_database, drop_database
from gateway.app import GatewayApp
from holdfast.services.sessions import SessionSeen, see_session
from holdfast.settings import Settings
from holdfast.store.database import Sessions, open_engine, open_sessions
from holdfast.store.tables import (
    Account,
    Order,
    Organization,
    ReviewTask,
    Session,
    Station,
    Token,
)
from simulator.stations.witness import Witness
from tests.activities.rows import Network, network
from tests.conftest import TEST_SECRET
from tests.gateway.conftest import ANY_PORT
from tests.workers.conftest import serving

PATIENCE_S = 120.0
CARD = "CARD0001"


@dataclass(frozen=True)
class Installation:
    """A gateway and the workers, with a network of which each test makes a station."""

    url: str
    sessions: Sessions
    made: Network

    async def station(self) -> str:
        """A new station's identity."""
        identity = f"OWES-{uuid4().hex[:8]}"
        async with self.sessions.begin() as db:
            await db.execute(
                insert(Station).values(
                    organization_id=self.made.organization_id,
                    site_id=self.made.site_id,
                    identity=identity,
                    registration="accepted",
                )
            )
        return identity

    async def seen(self, identity: str) -> SessionSeen | None:
        """The station's only session."""
        async with self.sessions() as db:
            found = await db.scalar(
                select(Session.id)
                .join(Station, Station.id == Session.station_id)
                .where(Station.identity == identity)
            )
            if found is None:
                return None
            return await see_session(db, self.made.organization_id, found)

    async def until(
        self, identity: str, holds: Callable[[SessionSeen], bool], what: str
    ) -> SessionSeen:
        """The session, once this is so."""
        seen = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    seen = await self.seen(identity)
                    if seen is not None and holds(seen):
                        return seen
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"never happened: {what}; it is {seen}") from None

    async def questions(self, session_id: UUID) -> list[datetime]:
        """When it was asked about its transaction."""
        async with self.sessions() as db:
            asked = select(Order.created_at).where(
                Order.session_id == session_id, Order.kind == "transaction_status"
            )
            return list(await db.scalars(asked))

    async def reviews(self, session_id: UUID) -> list[str]:
        """What a person is asked to look at."""
        async with self.sessions() as db:
            of = ReviewTask.subject == f"session:{session_id}"
            return list(await db.scalars(select(ReviewTask.kind).where(of)))


@pytest.fixture(scope="module")
async def installation(
    postgres_url: str, temporal_server: str, temporal: Client
) -> AsyncIterator[Installation]:
    name = f"owed_{os.getpid()}"
    url = await create_database(postgres_url, name, template="template_holdfast")
    settings = Settings.model_validate(
        {
            "database_url": url,
            "secret_key": TEST_SECRET,
            "temporal_address": temporal_server,
            "admin_port": 0,
            "max_cached_workflows": 100,
            "session_final_wait_s": 20,
            "session_silence_s": 4,
        }
    )
    engine = open_engine(SecretStr(url), pool_size=3)
    sessions = open_sessions(engine)
    async with sessions.begin() as db:
        organization = await db.scalar(
            insert(Organization).values(slug="acme", name="Acme").returning(Organization.id)
        )
        assert organization is not None
        of = {"organization_id": organization}
        account = await db.scalar(
            insert(Account).values(name="Ada", billing="invoice", **of).returning(Account.id)
        )
        await db.execute(insert(Token).values(account_id=account, type="ISO14443", uid=CARD, **of))
    made = await network(sessions, organization)
    gateway = GatewayApp(settings.model_copy(update=ANY_PORT))
    await gateway.start()
    try:
        async with serving(settings):
            yield Installation(f"ws://127.0.0.1:{gateway.port}/ocpp", sessions, made)
    finally:
        await gateway.drain()
        async for execution in temporal.list_workflows("ExecutionStatus = 'Running'"):
            try:
                await temporal.get_workflow_handle(execution.id).terminate()
            except RPCError:
                continue
        await engine.dispose()
        await drop_database(postgres_url, name)


def event(kind: str, number: int, wh: int | None = None, **more: Any) -> dict[str, Any]:
    """A TransactionEvent, an hour ago and a minute per number."""
    at = (datetime.now(UTC) - timedelta(minutes=60 - number)).strftime("%Y-%m-%dT%H:%M:%SZ")
    payload: dict[str, Any] = {
        "eventType": kind,
        "timestamp": at,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": number,
        "transactionInfo": {"transactionId": "T1"},
        "evse": {"id": 1, "connectorId": 1},
    } | more
    if wh is not None:
        payload["meterValue"] = [{"timestamp": at, "sampledValue": [{"value": wh}]}]
    return payload


async def begin(witness: Witness) -> None:
    """It boots, and a driver starts to charge."""
    witness.answer_always({"GetBaseReport": {"status": "NotSupported"}})
    await witness.boot()
    token = {"idToken": {"idToken": CARD, "type": "ISO14443"}}
    await witness.call("TransactionEvent", event("Started", 0, 1000, **token))


async def question(witness: Witness, **answer: bool) -> None:
    """The next GetTransactionStatus, answered."""
    message_id, payload = await witness.expect_call("GetTransactionStatus", PATIENCE_S)
    assert payload == {"transactionId": "T1"}
    await witness.answer(message_id, dict(answer))


async def test_a_station_that_holds_messages_is_asked_again_and_settled_on_all_of_them(
    installation: Installation,
) -> None:
    identity = await installation.station()
    async with Witness.connect(installation.url, identity, "ocpp2.0.1") as witness:
        await begin(witness)
        await witness.call("TransactionEvent", event("Ended", 2))
        await question(witness, ongoingIndicator=False, messagesInQueue=True)
        await question(witness, ongoingIndicator=False, messagesInQueue=True)
        waiting = await installation.seen(identity)
        await witness.call("TransactionEvent", event("Updated", 1, 5000, offline=True))

        seen = await installation.until(
            identity, lambda one: one.session.closed_at is not None, "it is settled"
        )

    assert waiting is not None
    assert (waiting.settlement, waiting.session.sequence_gaps) == (None, 1)
    assert seen.settlement is not None
    assert (seen.settlement.energy_wh, seen.settlement.amount_minor) == (4000, 200)
    assert (seen.session.sequence_gaps, seen.settlement.outcome) == (0, "invoiced")
    assert "messages_missing" not in [found["code"] for found in seen.findings]


async def test_a_station_that_holds_none_is_settled_on_what_there_is_and_that_is_said(
    installation: Installation,
) -> None:
    identity = await installation.station()
    async with Witness.connect(installation.url, identity, "ocpp2.0.1") as witness:
        await begin(witness)
        # More than once, where the answer takes longer than the pause between two questions.
        holds_none = {"ongoingIndicator": False, "messagesInQueue": False}
        witness.answer_always({"GetTransactionStatus": holds_none})
        await witness.call("TransactionEvent", event("Ended", 3, 4000))

        seen = await installation.until(
            identity, lambda one: one.session.closed_at is not None, "it is settled"
        )
        asked = await installation.questions(seen.session.id)

    assert seen.session.closed_at is not None
    assert asked
    assert max(asked) < seen.session.closed_at
    assert seen.settlement is not None
    assert (seen.settlement.energy_wh, seen.settlement.outcome) == (3000, "invoiced")
    assert [found["detail"] for found in seen.findings if found["code"] == "messages_missing"] == [
        "2 numbered messages of its transaction never came"
    ]
    assert await installation.reviews(seen.session.id) == ["messages_missing"]


async def test_a_silent_station_is_asked_and_what_it_knows_nothing_of_is_ended(
    installation: Installation,
) -> None:
    identity = await installation.station()
    async with Witness.connect(installation.url, identity, "ocpp2.0.1") as witness:
        await begin(witness)
        await witness.call("TransactionEvent", event("Updated", 1, 2500))
        await question(witness, ongoingIndicator=False, messagesInQueue=False)

        seen = await installation.until(
            identity, lambda one: one.session.closed_at is not None, "it is settled"
        )

    assert seen.settlement is not None
    assert (seen.session.ended_at, seen.session.end_reason) == (None, "not_ongoing")
    assert (seen.settlement.energy_wh, seen.settlement.outcome) == (1500, "invoiced")
    assert "end_not_reported" in await installation.reviews(seen.session.id)
