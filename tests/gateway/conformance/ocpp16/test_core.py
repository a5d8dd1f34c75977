"""OCPP 1.6 section 4: what a charge point starts, and what the central system answers."""

from tests.gateway.conformance.conftest import CARD, Central


async def test_4_1_1_a_known_id_tag_is_accepted(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("Authorize", {"idTag": CARD})

    assert answer["idTagInfo"]["status"] == "Accepted"


async def test_4_1_1_an_unknown_id_tag_is_invalid(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("Authorize", {"idTag": "NOBODY"})

    assert answer["idTagInfo"]["status"] == "Invalid"
