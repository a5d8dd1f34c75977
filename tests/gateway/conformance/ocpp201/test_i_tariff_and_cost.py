"""OCPP 2.0.1 block I: what drivers are told about tariff and cost."""

from collections.abc import Iterator

import pytest
from psycopg.types.json import Jsonb

from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import begun, transaction_event

PROTOCOL = "ocpp2.0.1"
SAID = {"format": "UTF8", "language": "de", "content": "0,49 €/kWh"}


@pytest.fixture
async def driver(central: Central) -> str:
    """A token whose driver is spoken to."""
    known = await central.database.rows("SELECT 1 FROM tokens WHERE uid = 'DRIVER01'")
    if not known:
        await central.add_token("DRIVER01", language="de", message=SAID["content"])
    return "DRIVER01"


async def test_i01_fr_01_a_what_a_driver_is_to_be_told_goes_with_the_authorization(
    central: Central, driver: str
) -> None:
    async with central.station(PROTOCOL) as station:
        asked = {"idToken": {"idToken": driver, "type": "ISO14443"}}
        answer = await station.call("Authorize", asked)

    assert answer["idTokenInfo"]["personalMessage"] == SAID


async def test_i01_fr_02_it_goes_with_a_transaction_event_too(
    central: Central, driver: str
) -> None:
    async with central.station(PROTOCOL) as station:
        answer = await station.call(
            "TransactionEvent", transaction_event("Started", "I01", token=driver)
        )

    assert answer["idTokenInfo"]["personalMessage"] == SAID


@pytest.mark.parametrize(
    ("minor", "currency", "total"),
    [(1_234, "EUR", 12.34), (0, "EUR", 0.0), (1_500, "JPY", 1_500.0), (1_005, "KWD", 1.005)],
)
async def test_i02_fr_01_a_the_running_cost_is_sent_in_the_currency_s_own_digits(
    central: Central, minor: int, currency: str, total: float
) -> None:
    async with central.station(PROTOCOL) as station:
        transaction_id = await begun(station)
        order = {"transaction_id": transaction_id, "total_minor": minor, "currency": currency}
        action, payload, done = await central.ordered(station, "cost", order, {})

    assert action == "CostUpdated"
    assert payload == {"totalCost": total, "transactionId": transaction_id}
    assert done.state == "accepted"


async def test_i02_fr_01_b_the_running_cost_goes_with_the_answers_while_it_is_fresh(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        transaction_id = await begun(station)
        session = await central.database.row(
            "SELECT id, organization_id FROM sessions WHERE transaction_id = %s", transaction_id
        )
        told = []
        for number, (minutes, tellable) in enumerate([(0, True), (6, True), (0, False)], start=1):
            await central.database.rows(
                "INSERT INTO running_costs (session_id, organization_id, as_of, currency, "
                "energy_wh, incl_vat, incl_minor, tellable) VALUES "
                "(%s, %s, now() - make_interval(mins => %s), 'EUR', "
                "1000, '4.105', 411, %s) ON CONFLICT (session_id) DO UPDATE SET "
                "as_of = excluded.as_of, tellable = excluded.tellable",
                session["id"],
                session["organization_id"],
                minutes,
                tellable,
            )
            updated = transaction_event(
                "Updated", transaction_id, number, triggerReason="MeterValuePeriodic"
            )
            told.append(await station.call("TransactionEvent", updated))
            assert await station.call("TransactionEvent", updated) == told[-1]

    assert told == [{"totalCost": 4.11}, {}, {}]


@pytest.fixture
def patient(central: Central) -> Iterator[None]:
    """What is told in time is told on a slow machine too."""
    before, central.app.totals.bound_s = central.app.totals.bound_s, 30.0
    yield
    central.app.totals.bound_s = before


async def _priced(central: Central, transaction_id: str, price: str) -> None:
    """The transaction's session is priced by a tariff of so much for each."""
    (tariff,) = await central.database.rows(
        "INSERT INTO tariffs (organization_id, name, currency) VALUES (%s, %s, 'EUR') RETURNING id",
        central.organization_id,
        transaction_id,
    )
    component = {"type": "FLAT", "price": price, "step_size": 1}
    body = {
        "id": "each",
        "currency": "EUR",
        "elements": [{"price_components": [component]}],
    }
    (version,) = await central.database.rows(
        "INSERT INTO tariff_versions (organization_id, tariff_id, number, valid_from, body) "
        "VALUES (%s, %s, 1, now() - interval '1 day', %s) RETURNING id",
        central.organization_id,
        tariff["id"],
        Jsonb(body),
    )
    await central.database.rows(
        "UPDATE sessions SET tariff_version_id = %s WHERE transaction_id = %s",
        version["id"],
        transaction_id,
    )


async def test_i03_fr_02_the_answer_to_the_end_tells_the_total_cost(
    central: Central, patient: None
) -> None:
    async with central.station(PROTOCOL) as station:
        transaction_id = await begun(station)
        await _priced(central, transaction_id, "1.99")
        ended = transaction_event("Ended", transaction_id, 1)
        answers = [await station.call("TransactionEvent", ended) for _ in range(2)]
        unpriced = transaction_event("Ended", await begun(station), 1)
        answers.append(await station.call("TransactionEvent", unpriced))

    assert answers == [{"totalCost": 1.99}, {"totalCost": 1.99}, {}]


async def test_i03_fr_04_a_transaction_that_costs_nothing_is_told_a_total_of_0(
    central: Central, patient: None
) -> None:
    async with central.station(PROTOCOL) as station:
        transaction_id = await begun(station)
        await _priced(central, transaction_id, "0")
        ended = transaction_event("Ended", transaction_id, 1)
        answer = await station.call("TransactionEvent", ended)

    assert answer == {"totalCost": 0.0}


async def _configured(central: Central, variable: str) -> None:
    async with central.station(PROTOCOL) as station:
        result = {
            "attributeStatus": "Accepted",
            "component": {"name": "TariffCostCtrlr"},
            "variable": {"name": variable},
        }
        action, payload, done = await central.ordered(
            station,
            "configure",
            {"variables": {f"TariffCostCtrlr.{variable}": "Ask us"}},
            {"setVariableResult": [result]},
        )

    assert action == "SetVariables"
    (data,) = payload["setVariableData"]
    assert data["component"] == {"name": "TariffCostCtrlr"}
    assert data["variable"] == {"name": variable}
    assert data["attributeValue"] == "Ask us"
    assert done.state == "accepted"


async def test_i04_fr_02_the_fallback_text_for_the_tariff_is_set(central: Central) -> None:
    await _configured(central, "TariffFallbackMessage")


async def test_i05_fr_01_the_fallback_text_for_the_total_is_set(central: Central) -> None:
    await _configured(central, "TotalCostFallbackMessage")


async def test_i06_fr_02_an_event_whose_tariff_did_not_change_brings_no_new_text(
    central: Central, driver: str
) -> None:
    async with central.station(PROTOCOL) as station:
        started = transaction_event("Started", "I06", token=driver)
        assert "updatedPersonalMessage" not in await station.call("TransactionEvent", started)
        updated = transaction_event("Updated", "I06", 1, triggerReason="MeterValuePeriodic")
        answer = await station.call("TransactionEvent", updated)

    assert answer == {}
