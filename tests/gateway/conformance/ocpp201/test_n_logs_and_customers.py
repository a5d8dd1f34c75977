"""OCPP 2.0.1 block N: logs, and what a station knows of a customer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.gateway.conformance.conftest import CARD, Central
from tests.gateway.conformance.told import ACCEPTED, events, now, refused_unsent

PROTOCOL = "ocpp2.0.1"
TO = datetime.now(UTC).replace(microsecond=0)
FROM = TO - timedelta(days=1)
PLACE = "https://files.example/logs"
WHOSE = {"token": {"uid": CARD, "type": "ISO14443"}}
CERTIFICATE = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "01",
}


@pytest.mark.parametrize(
    ("kind", "word"), [("diagnostics", "DiagnosticsLog"), ("security", "SecurityLog")]
)
async def test_n01_fr_01_a_log_of_a_time_is_asked_for(
    central: Central, kind: str, word: str
) -> None:
    order = {"type": kind, "location": PLACE, "from": FROM.isoformat(), "to": TO.isoformat()}
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "log", order, {"status": "Accepted", "filename": "a.log"}
        )

    log = payload["log"]
    assert (action, payload["logType"], log["remoteLocation"]) == ("GetLog", word, PLACE)
    assert datetime.fromisoformat(log["oldestTimestamp"]) == FROM
    assert datetime.fromisoformat(log["latestTimestamp"]) == TO
    assert done.state == "accepted"


async def test_n01_fr_05_a_log_that_is_not_there_is_understood(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(
            station, "log", {"location": PLACE}, {"status": "Rejected"}
        )

    assert (done.state, done.status) == ("rejected", "Rejected")


async def test_n01_fr_07_each_status_of_an_upload_is_confirmed_and_kept_with_its_number(
    central: Central,
) -> None:
    course = ["Uploading", "Uploaded"]
    async with central.station(PROTOCOL) as station:
        _, payload, _ = await central.ordered(station, "log", {"location": PLACE}, ACCEPTED)
        for status in course:
            told = {"status": status, "requestId": payload["requestId"]}
            assert await station.call("LogStatusNotification", told) == {}
        kept = await events(central, station, "log")

    assert [(row["name"], row["request_id"]) for row in kept] == [
        (status, payload["requestId"]) for status in course
    ]


@pytest.mark.parametrize(
    "status", ["BadMessage", "NotSupportedOperation", "PermissionDenied", "UploadFailure"]
)
async def test_n01_fr_10_an_upload_that_fails_is_confirmed_and_kept(
    central: Central, status: str
) -> None:
    async with central.station(PROTOCOL) as station:
        told = {"status": status, "requestId": 4}
        assert await station.call("LogStatusNotification", told) == {}
        (kept,) = await events(central, station, "log")

    assert kept["name"] == status


async def test_n01_fr_12_a_second_log_that_ends_the_first_is_understood(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        _, first, _ = await central.ordered(station, "log", {"location": PLACE}, ACCEPTED)
        _, second, done = await central.ordered(
            station, "log", {"location": PLACE}, {"status": "AcceptedCanceled"}
        )
        told = {"status": "AcceptedCanceled", "requestId": first["requestId"]}
        assert await station.call("LogStatusNotification", told) == {}

    assert done.state == "accepted"
    assert first["requestId"] != second["requestId"]


async def test_n01_fr_13_a_status_without_a_number_is_confirmed(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        assert await station.call("LogStatusNotification", {"status": "Idle"}) == {}
        (kept,) = await events(central, station, "log")

    assert (kept["name"], kept["request_id"]) == ("Idle", None)


async def customer(
    central: Central, order: dict[str, Any], status: str = "Accepted"
) -> tuple[dict[str, Any], str]:
    """What is sent, and the order's end."""
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "customer_information", order, {"status": status}
        )
    assert action == "CustomerInformation"
    assert payload.pop("requestId") > 0
    return payload, done.state


async def test_n09_fr_01_what_a_station_knows_is_asked_for_with_the_flag_report(
    central: Central,
) -> None:
    payload, state = await customer(central, WHOSE | {"report": True})

    assert payload == {
        "report": True,
        "clear": False,
        "idToken": {"idToken": CARD, "type": "ISO14443"},
    }
    assert state == "accepted"


@pytest.mark.parametrize("status", ["Rejected", "Invalid"])
async def test_n09_fr_03_a_refusal_is_understood(central: Central, status: str) -> None:
    assert (await customer(central, WHOSE | {"report": True}, status))[1] == "rejected"


@pytest.mark.parametrize(
    ("order", "field", "said"),
    [
        (WHOSE, "idToken", {"idToken": CARD, "type": "ISO14443"}),
        ({"customer": "C-7"}, "customerIdentifier", "C-7"),
        ({"certificate": CERTIFICATE}, "customerCertificate", CERTIFICATE),
    ],
    ids=["by the token", "by a number", "by the certificate"],
)
async def test_n09_fr_04_the_customer_is_named_in_one_way(
    central: Central, order: dict[str, Any], field: str, said: object
) -> None:
    payload, _ = await customer(central, order | {"report": True})
    assert payload == {"report": True, "clear": False, field: said}

    async with central.station(PROTOCOL) as station:
        for wrong in ({"report": True}, WHOSE | {"customer": "C-7", "report": True}):
            await refused_unsent(central, station, "customer_information", wrong)


async def test_n09_fr_05_each_part_of_what_a_station_knows_is_confirmed_and_kept(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        order = WHOSE | {"report": True}
        _, payload, _ = await central.ordered(station, "customer_information", order, ACCEPTED)
        number = payload["requestId"]
        for part, tbc in ((0, True), (1, False)):
            told = {
                "data": f"part {part}",
                "seqNo": part,
                "generatedAt": now(),
                "requestId": number,
                "tbc": tbc,
            }
            assert await station.call("NotifyCustomerInformation", told) == {}
        kept = await events(central, station, "customer_information")

    assert [row["request_id"] for row in kept] == [number, number]


@pytest.mark.parametrize("report", [True, False])
async def test_n10_fr_03_what_a_station_knows_is_cleared_with_or_without_a_report(
    central: Central, report: bool
) -> None:
    payload, state = await customer(central, WHOSE | {"clear": True, "report": report})

    assert (payload["clear"], payload["report"]) == (True, report)
    assert state == "accepted"


async def test_n10_fr_05_a_refusal_to_clear_is_understood(central: Central) -> None:
    assert (await customer(central, WHOSE | {"clear": True}, "Rejected"))[1] == "rejected"


async def test_n10_fr_08_whose_data_is_cleared_is_named_in_one_way(central: Central) -> None:
    payload, _ = await customer(central, {"customer": "C-7", "clear": True})
    assert payload["customerIdentifier"] == "C-7"

    async with central.station(PROTOCOL) as station:
        await refused_unsent(central, station, "customer_information", {"clear": True})
