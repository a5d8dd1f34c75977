"""OCPP 2.1: tariffs that a station prices by, its own cost, limits, and payment at the station."""

from typing import Any
from uuid import uuid4

import pytest

from tests.gateway.conformance.conftest import CARD, Central
from tests.gateway.conformance.told import ACCEPTED, begun, events, now, transaction_event

PROTOCOL = "ocpp2.1"
TARIFF = {
    "tariffId": "T-1",
    "currency": "EUR",
    "energy": {"prices": [{"priceKwh": 0.49}], "taxRates": [{"type": "VAT", "tax": 19}]},
}
COST = {"totalCost": {"currency": "EUR", "typeOfCost": "NormalCost", "total": {"exclTax": 4.1}}}


async def ordered(
    central: Central, kind: str, order: dict[str, Any], answer: dict[str, Any]
) -> tuple[str, dict[str, Any], Any]:
    async with central.station(PROTOCOL) as station:
        return await central.ordered(station, kind, order, answer)


async def settled(central: Central, status: str) -> None:
    """A settlement is confirmed, and kept as it was told."""
    async with central.station(PROTOCOL) as station:
        transaction_id = await begun(station)
        told = {
            "transactionId": transaction_id,
            "pspRef": "psp-1",
            "status": status,
            "settlementAmount": 4.1,
            "settlementTime": now(),
        }
        assert await station.call("NotifySettlement", told) == {}
        (kept,) = await events(central, station, "settlement")

    assert (kept["name"], kept["transaction_id"]) == (status, transaction_id)
    assert kept["details"]["pspRef"] == "psp-1"


@pytest.mark.parametrize("evse", [None, 1])
async def test_c18_fr_09_a_vat_number_that_nobody_checked_is_not_accepted(
    central: Central, evse: int | None
) -> None:
    asked: dict[str, Any] = {"vatNumber": "DE123456789"}
    if evse is not None:
        asked["evseId"] = evse
    async with central.station(PROTOCOL) as station:
        answer = await station.call("VatNumberValidation", asked)

    assert answer["status"] == "Rejected"
    assert (answer["vatNumber"], answer.get("evseId")) == ("DE123456789", evse)
    assert "company" not in answer


async def test_c21_fr_02_a_settlement_at_the_terminal_is_confirmed_and_kept(
    central: Central,
) -> None:
    await settled(central, "Settled")


@pytest.mark.parametrize("status", ["Rejected", "Failed", "Canceled"])
async def test_c22_fr_01_a_settlement_that_fails_is_confirmed_and_kept(
    central: Central, status: str
) -> None:
    await settled(central, status)


async def test_c25_fr_21_a_station_is_told_that_somebody_pays_on_the_web(
    central: Central,
) -> None:
    said = {"evseId": 1, "timeout": 300}
    order = {"action": "NotifyWebPaymentStarted", "payload": said}
    action, payload, done = await ordered(central, "call", order, {})

    assert (action, payload, done.state) == ("NotifyWebPaymentStarted", said, "accepted")


async def test_e16_fr_01_a_limit_that_the_driver_set_is_kept(central: Central) -> None:
    identifier = f"T{uuid4().hex}"
    limit = {"maxCost": 20.0, "maxEnergy": 10_000}
    async with central.station(PROTOCOL) as station:
        await station.call("TransactionEvent", transaction_event("Started", identifier, token=CARD))
        told = transaction_event(
            "Updated", identifier, 1, triggerReason="LimitSet", info={"transactionLimit": limit}
        )
        assert await station.call("TransactionEvent", told) == {}
        kept = await events(central, station, "transaction")

    assert [row["details"].get("transaction_limit") for row in kept] == [limit]


@pytest.mark.parametrize("evse", [0, 2])
async def test_i07_fr_10_a_default_tariff_is_set_for_an_evse_or_for_all(
    central: Central, evse: int
) -> None:
    action, payload, done = await ordered(
        central, "default_tariff", {"evse": evse, "tariff": TARIFF}, ACCEPTED
    )

    assert (action, payload) == ("SetDefaultTariff", {"evseId": evse, "tariff": TARIFF})
    assert done.state == "accepted"


@pytest.mark.parametrize(
    "status", ["TooManyElements", "ConditionNotSupported", "DuplicateTariffId", "Rejected"]
)
async def test_i07_fr_02_each_refusal_of_a_tariff_is_understood(
    central: Central, status: str
) -> None:
    _, _, done = await ordered(
        central, "default_tariff", {"evse": 0, "tariff": TARIFF}, {"status": status}
    )

    assert (done.state, done.status) == ("rejected", status)


async def test_i08_fr_22_the_tariff_that_a_station_prices_by_is_kept(central: Central) -> None:
    identifier = f"T{uuid4().hex}"
    async with central.station(PROTOCOL) as station:
        told = transaction_event("Started", identifier, token=CARD, info={"tariffId": "T-1"})
        await station.call("TransactionEvent", told)
        (kept,) = await events(central, station, "transaction")

    assert kept["details"]["tariff_id"] == "T-1"


@pytest.mark.parametrize("evse", [0, 1])
async def test_i09_fr_01_the_tariffs_of_an_evse_or_of_all_are_asked_for(
    central: Central, evse: int
) -> None:
    assigned = {"tariffId": "T-1", "tariffKind": "DefaultTariff", "evseIds": [1]}
    action, payload, done = await ordered(
        central, "tariffs", {"evse": evse}, ACCEPTED | {"tariffAssignments": [assigned]}
    )

    assert (action, payload, done.state) == ("GetTariffs", {"evseId": evse}, "accepted")


async def test_i09_fr_02_a_station_without_tariffs_is_understood(central: Central) -> None:
    _, _, done = await ordered(central, "tariffs", {"evse": 0}, {"status": "NoTariff"})

    assert (done.state, done.status) == ("accepted", "NoTariff")


@pytest.mark.parametrize(
    ("order", "payload"),
    [
        ({}, {}),
        ({"ids": ["T-1", "T-2"]}, {"tariffIds": ["T-1", "T-2"]}),
        ({"evse": 1}, {"evseId": 1}),
    ],
    ids=["all", "by their ids", "of an EVSE"],
)
async def test_i10_fr_01_tariffs_are_cleared(
    central: Central, order: dict[str, Any], payload: dict[str, Any]
) -> None:
    answered = {"clearTariffsResult": [ACCEPTED | {"tariffId": "T-1"}]}
    action, sent, done = await ordered(central, "clear_tariffs", order, answered)

    assert (action, sent, done.state) == ("ClearTariffs", payload, "accepted")


@pytest.mark.parametrize("status", ["Rejected", "NoTariff"])
async def test_i10_fr_05_tariffs_that_are_not_cleared_are_understood(
    central: Central, status: str
) -> None:
    answered = {"clearTariffsResult": [{"tariffId": "T-9", "status": status}]}
    _, _, done = await ordered(central, "clear_tariffs", {"ids": ["T-9"]}, answered)

    assert (done.state, done.status) == ("rejected", status)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Accepted", "accepted"),
        ("TxNotFound", "rejected"),
        ("NoCurrencyChange", "rejected"),
        ("TooManyElements", "rejected"),
    ],
)
async def test_i11_fr_06_the_tariff_of_a_transaction_is_changed(
    central: Central, status: str, state: str
) -> None:
    order = {"transaction_id": "T1", "tariff": TARIFF}
    action, payload, done = await ordered(central, "transaction_tariff", order, {"status": status})

    assert action == "ChangeTransactionTariff"
    assert payload == {"transactionId": "T1", "tariff": TARIFF}
    assert (done.state, done.status) == (state, status)


async def test_i12_fr_01_what_a_station_computed_as_cost_is_kept(central: Central) -> None:
    identifier = f"T{uuid4().hex}"
    async with central.station(PROTOCOL) as station:
        await station.call("TransactionEvent", transaction_event("Started", identifier, token=CARD))
        for number, kind in ((1, "Updated"), (2, "Ended")):
            told = transaction_event(kind, identifier, number, costDetails=COST)
            assert await station.call("TransactionEvent", told) == {}
        kept = await events(central, station, "transaction")

    assert [row["details"]["cost_details"] for row in kept] == [COST, COST]
