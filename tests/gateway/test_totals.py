"""The final cost in the answer to the end of a transaction, over real sockets and on real rows."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import insert, select, update

from holdfast.contracts.sessions import SettleOrder
from holdfast.services import cost_messages, settlement
from holdfast.services.final_costs import SAMPLES_MAX
from holdfast.store.tables import (
    Account,
    MeterValue,
    Order,
    RunningCost,
    Session,
    Settlement,
    StationVariable,
    Tariff,
    TariffVersion,
)
from tests.gateway.conftest import CARD
from tests.gateway.field import Field, Wire

PROTOCOLS = ("ocpp2.0.1", "ocpp2.1")
LASTED = timedelta(minutes=40)
PATIENT_S = 30.0  # for what is to be told: no test is about how fast this machine is
ENERGY = {"type": "ENERGY", "price": "0.49", "vat": "19", "step_size": 1}
DEAR: dict[str, Any] = {
    "tax_included": "NO",
    "elements": [
        {
            "price_components": [
                {"type": "FLAT", "price": "1.00", "vat": "19", "step_size": 1},
                ENERGY,
            ]
        }
    ],
}
FREE: dict[str, Any] = {
    "elements": [{"price_components": [{"type": "ENERGY", "price": "0", "step_size": 1}]}]
}
BROKEN: dict[str, Any] = {"elements": "none"}
DAILY = DEAR | {"daily_cap": {"excl_vat": "20.00", "incl_vat": "23.80"}}


@pytest.fixture(autouse=True)
def patience(field: Field) -> Iterator[None]:
    with bounds(field, bound_s=PATIENT_S):
        yield


@contextmanager
def bounds(field: Field, **values: float) -> Iterator[None]:
    totals = field.app.totals
    before = {name: getattr(totals, name) for name in values}
    for name, value in values.items():
        setattr(totals, name, value)
    yield
    for name, value in before.items():
        setattr(totals, name, value)


async def version(field: Field, body: dict[str, Any]) -> UUID:
    """A version of a tariff of its own."""
    of = {"organization_id": field.organization}
    async with field.sessions.begin() as db:
        name = f"t{datetime.now(UTC).timestamp()}"
        tariff = await db.scalar(
            insert(Tariff).values(name=name, currency="EUR", **of).returning(Tariff.id)
        )
        made = await db.scalar(
            insert(TariffVersion)
            .values(
                tariff_id=tariff,
                number=1,
                valid_from=datetime.now(UTC) - timedelta(days=9),
                body={"id": name, "currency": "EUR"} | body,
                **of,
            )
            .returning(TariffVersion.id)
        )
    assert isinstance(made, UUID)
    return made


def said(kind: str, number: int, minutes: float, wh: int | None = None, **more: Any) -> Any:
    """A TransactionEvent so many minutes after the beginning, 40 minutes ago. It is an end's age
    that decides on its answer: it counts from when a test runs, not from when its file was read."""
    at = (datetime.now(UTC) - LASTED + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(kind)
    value = {"value": wh} | ({"context": context} if context else {})
    samples = [] if wh is None else [{"timestamp": at, "sampledValue": [value]}]
    return {
        "eventType": kind,
        "timestamp": at,
        "triggerReason": "Trigger",
        "seqNo": number,
        "transactionInfo": {"transactionId": "T1"},
        "evse": {"id": 1, "connectorId": 1},
        **({"meterValue": samples} if samples else {}),
    } | more


def the_end() -> Any:
    """Of T1, after 12.345 kWh: just now."""
    return said("Ended", 2, 40, 13_345)


@asynccontextmanager
async def charging(
    field: Field, version_id: UUID | None, protocol: str = PROTOCOLS[0], **values: Any
) -> AsyncIterator[Wire]:
    """A station whose transaction T1 goes on: 12 kWh after half an hour, priced by that version."""
    async with field.station(protocol) as station:
        token = {"idToken": {"idToken": CARD, "type": "ISO14443"}}
        await station.call("TransactionEvent", said("Started", 0, 0, 1_000, **token))
        await station.call("TransactionEvent", said("Updated", 1, 30, 13_000))
        async with field.sessions.begin() as db:  # as the workflow's first step does
            await db.execute(
                update(Session)
                .where(Session.id == (await station.session())["by"])
                .values(tariff_version_id=version_id, **values)
            )
        yield station


async def settle(field: Field, station: Wire) -> float:
    """What the session is settled for now, in euros."""
    async with field.sessions.begin() as db:
        session = await db.get_one(Session, (await station.session())["by"])
        order = SettleOrder(session_id=session.id)
        settled = await settlement.settle(db, session, order, datetime.now(UTC))
        assert settled.blocked is None
        settled_minor = settled.amount_minor
    return settled_minor / 100


def count(field: Field, result: str) -> float:
    return float(field.app.metrics.totals.labels(result)._value.get())


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_an_end_is_answered_with_what_is_billed_and_a_repeat_with_the_same(
    field: Field, protocol: str
) -> None:
    async with charging(field, await version(field, DEAR), protocol) as station:
        ended = the_end()
        answer = await station.call("TransactionEvent", ended)
        async with field.sessions.begin() as db:  # what comes later changes no answer
            await db.execute(
                update(Session)
                .where(Session.id == (await station.session())["by"])
                .values(energy_wh=12_346)
            )
        again = await station.call("TransactionEvent", ended)
        async with field.station(protocol, identity=station.identity) as other:
            elsewhere = await other.call("TransactionEvent", ended | {"offline": True})
        billed = await settle(field, station)

    # 1 + 12.345 kWh * 0.49, and 19 % of it.
    assert answer == again == elsewhere == {"totalCost": 8.39}
    assert billed == 8.39


async def test_the_total_goes_beside_the_decision_on_the_token(field: Field) -> None:
    async with charging(field, await version(field, DEAR)) as station:
        token = {"idToken": {"idToken": CARD, "type": "ISO14443"}}
        answer = await station.call("TransactionEvent", the_end() | token)

    assert answer == {"idTokenInfo": {"status": "Accepted"}, "totalCost": 8.39}


async def test_what_costs_nothing_is_told_as_nothing(field: Field) -> None:
    async with charging(field, await version(field, FREE)) as station:
        assert await station.call("TransactionEvent", the_end()) == {"totalCost": 0.0}
        assert await settle(field, station) == 0

    async with field.sessions.begin() as db:
        staff = await db.scalar(
            insert(Account)
            .values(organization_id=field.organization, name="Staff", billing="free")
            .returning(Account.id)
        )
    async with charging(field, await version(field, DEAR), account_id=staff) as station:
        assert await station.call("TransactionEvent", the_end()) == {"totalCost": 0.0}


async def test_nothing_is_told_before_all_that_is_owed_has_come(field: Field) -> None:
    """Then it is: to whoever asks again."""
    async with charging(field, await version(field, DEAR)) as station:
        ended = said("Ended", 4, 40, 13_345)
        assert await station.call("TransactionEvent", ended) == {}
        for number in (2, 3):
            late = said("Updated", number, 30 + number)
            assert await station.call("TransactionEvent", late) == {}
        assert await station.call("TransactionEvent", ended) == {"totalCost": 8.39}


@pytest.mark.parametrize(
    ("minutes", "more"),
    [(40, {"offline": True}), (34, {})],
    ids=["said to be sent late", "of six minutes ago"],
)
async def test_an_end_that_was_sent_late_is_answered_without(
    field: Field, minutes: float, more: dict[str, Any]
) -> None:
    told = count(field, "told")
    async with charging(field, await version(field, DEAR)) as station:
        ended = said("Ended", 2, minutes, 13_345, **more)
        assert await station.call("TransactionEvent", ended) == {}

    assert count(field, "told") == told


async def test_what_is_not_known_is_left_out(field: Field) -> None:
    """No tariff, one that cannot be read, a display in another currency, an objection, another
    session that a cap must know of first, more samples than can be priced in time."""
    failed = count(field, "failed")
    async with charging(field, None) as station:
        assert await station.call("TransactionEvent", the_end()) == {}
    async with charging(field, await version(field, BROKEN)) as station:
        assert await station.call("TransactionEvent", the_end()) == {}
    assert count(field, "failed") == failed + 1

    dear = await version(field, DEAR)
    async with charging(field, dear) as station:
        ended = the_end()
        await counts_in(field, station, "CHF")
        assert await station.call("TransactionEvent", ended) == {}
        await counts_in(field, station, "eur ")
        assert await station.call("TransactionEvent", ended) == {"totalCost": 8.39}
    async with charging(field, dear) as station:
        # 99 MWh in 40 minutes: a person is asked before it is settled.
        huge = said("Ended", 2, 40, 99_000_000)
        assert await station.call("TransactionEvent", huge) == {}
    async with charging(field, await version(field, DAILY)) as first:
        await first.call("TransactionEvent", the_end() | {"offline": True})
        async with charging(field, await version(field, DAILY)) as station:
            assert await station.call("TransactionEvent", the_end()) == {}
    async with charging(field, dear) as station:
        await many_samples(field, station)
        assert await station.call("TransactionEvent", the_end()) == {}


async def counts_in(field: Field, station: Wire, currency: str) -> None:
    values = {"value": currency, "reported_at": datetime.now(UTC)}
    async with field.sessions.begin() as db:
        of = {
            "organization_id": field.organization,
            "station_id": (await station.session())["of"],
        }
        known = await db.scalar(
            update(StationVariable)
            .where(StationVariable.station_id == of["station_id"])
            .values(**values)
            .returning(StationVariable.station_id)
        )
        if known is None:
            await db.execute(
                insert(StationVariable).values(
                    component="TariffCostCtrlr",
                    variable="Currency",
                    attribute="actual",
                    source="get",
                    **values,
                    **of,
                )
            )


async def many_samples(field: Field, station: Wire) -> None:
    row = await station.session()
    at = datetime.now(UTC) - timedelta(minutes=9)
    async with field.sessions.begin() as db:
        await db.execute(
            insert(MeterValue),
            [
                {
                    "organization_id": field.organization,
                    "station_id": row["of"],
                    "session_id": row["by"],
                    "evse": 1,
                    "received_at": at,
                    "sampled_at": at + timedelta(milliseconds=number),
                    "samples": [],
                }
                for number in range(SAMPLES_MAX)
            ],
        )


async def test_a_price_that_takes_long_delays_only_its_own_answer_and_that_not_for_long(
    field: Field,
) -> None:
    dear = await version(field, DEAR)
    late, crowded = count(field, "late"), count(field, "crowded")
    async with charging(field, dear) as slow, charging(field, dear) as other:
        async with locked(field) as release:
            sent = await slow.post("TransactionEvent", the_end())
            await slow.raw('[2,"alive","Heartbeat",{}]')
            # The writer goes on, and so do the others; the station's own heartbeat too.
            assert (await slow.receive())[:2] == [3, "alive"]
            assert await other.call("TransactionEvent", said("Updated", 2, 35)) == {}
            with bounds(field, waiting_max=1):
                assert await other.call("TransactionEvent", said("Ended", 3, 40, 9_000)) == {}
            await release()
            assert (await slow.receive())[1:] == [sent, {"totalCost": 8.39}]
        assert count(field, "crowded") == crowded + 1

    async with charging(field, dear) as slow:
        with bounds(field, bound_s=0.2):
            async with locked(field):
                ended = the_end()
                assert await slow.call("TransactionEvent", ended) == {}
        assert count(field, "late") == late + 1
        assert (await slow.session())["ended_at"] is not None
        assert await slow.call("TransactionEvent", ended) == {"totalCost": 8.39}


@asynccontextmanager
async def locked(field: Field) -> AsyncIterator[Callable[[], Any]]:
    """Nobody can note what was told, until it is released: pricing hangs."""
    async with await psycopg.AsyncConnection.connect(field.database.url) as holder:
        await holder.execute("LOCK TABLE running_costs IN SHARE MODE")
        yield holder.rollback
        await holder.rollback()


async def test_a_total_that_was_told_as_it_ended_is_told_again_only_where_it_changed(
    field: Field,
) -> None:
    dear = await version(field, DEAR)
    orders = []
    for told, waived in ((True, False), (True, True), (False, False)):
        async with charging(field, dear) as station:
            row = await station.session()
            of = {"organization_id": field.organization}
            async with field.sessions.begin() as db:
                show = {"component": "TariffCostCtrlr", "variable": "Enabled", "value": "true"}
                db.add(
                    StationVariable(
                        station_id=row["of"],
                        attribute="actual",
                        source="get",
                        reported_at=datetime.now(UTC) - LASTED,
                        **show,
                        **of,
                    )
                )
                db.add(
                    RunningCost(
                        session_id=row["by"],
                        as_of=datetime.now(UTC) - LASTED,
                        currency="EUR",
                        energy_wh=12_000,
                        incl_vat="8.19",
                        incl_minor=819,
                        **of,
                    )
                )
            await field.database.rows(
                "UPDATE stations SET protocol = 'ocpp2.0.1' WHERE id = %s", row["of"]
            )
            ended = the_end() if told else the_end() | {"offline": True}
            assert bool(await station.call("TransactionEvent", ended)) is told
            await settle(field, station)
            async with field.sessions.begin() as db:
                if waived:
                    await db.execute(
                        update(Settlement)
                        .where(Settlement.session_id == row["by"])
                        .values(outcome="waived")
                    )
                await cost_messages.tell_final(db, datetime.now(UTC))
                orders.append(
                    (
                        await db.scalars(
                            select(Order.payload["total_minor"]).where(
                                Order.station_id == row["of"], Order.kind == "cost"
                            )
                        )
                    ).all()
                )

    assert orders == [[], [0], [839]]
