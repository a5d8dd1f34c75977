"""Forms of commands: what people write becomes what the API takes and each version can say."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from starlette.applications import Starlette

from api.routes.more_commands import COMMANDS as OF_THE_API
from gateway import schemas
from gateway.dialect import NotInThisVersion, OrderContext
from gateway.protocols import DIALECTS
from holdfast.services.refusal import Invalid
from holdfast.services.station_commands import told
from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network
from web.dashboard.command_fields import Clock
from web.dashboard.command_forms import COMMANDS, MORE
from web.dashboard.command_payloads import LIMIT_PROFILE_ID
from web.dashboard.orders import ORDERS, OrdersAsked

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLOCK = Clock(now=NOON, zone=ZoneInfo("Europe/Berlin"))
FILE = "https://files.example.com/a.bin"

FILLED: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    (
        "charging_profile",
        {"evse": "0", "limit": "22,5", "unit": "kW", "phases": "", "hours": "2"},
        {
            "evse": 0,
            "profile": {
                "id": LIMIT_PROFILE_ID,
                "purpose": "station_max",
                "kind": "absolute",
                "valid_to": "2026-03-01T14:00:00Z",
                "schedules": [
                    {
                        "unit": "W",
                        "start_at": "2026-03-01T12:00:00Z",
                        "duration_s": 7_200,
                        "periods": [{"start_s": 0, "limit": 22_500.0}],
                    }
                ],
            },
        },
    ),
    (
        "charging_profile",
        {"evse": "2", "limit": "16", "unit": "A", "phases": "3"},
        {
            "evse": 2,
            "profile": {
                "id": LIMIT_PROFILE_ID + 2,
                "purpose": "tx_default",
                "kind": "absolute",
                "schedules": [
                    {
                        "unit": "A",
                        "start_at": "2026-03-01T12:00:00Z",
                        "periods": [{"start_s": 0, "limit": 16.0, "phases": 3}],
                    }
                ],
            },
        },
    ),
    ("clear_charging_profile", {"which": "limit", "evse": "2"}, {"id": LIMIT_PROFILE_ID + 2}),
    ("clear_charging_profile", {"which": "all"}, {}),
    ("clear_charging_profile", {"which": "all", "evse": "1"}, {"evse": 1}),
    (
        "composite_schedule",
        {"evse": "1", "hours": "24", "unit": ""},
        {"evse": 1, "duration_s": 86_400},
    ),
    (
        "reserve",
        {"evse": "1", "token": "04A1B2C3", "minutes": "45", "reservation": "7"},
        {
            "reservation": 7,
            "evse": 1,
            "token": {"uid": "04A1B2C3", "type": "ISO14443"},
            "expires_at": "2026-03-01T12:45:00Z",
        },
    ),
    ("cancel_reservation", {"reservation": "2147483647"}, {"reservation": 2_147_483_647}),
    (
        "update_firmware",
        {"location": FILE, "install_at": "2026-03-29T03:30", "retries": "3"},
        {
            "location": FILE,
            "retrieve_at": "2026-03-01T12:00:00Z",
            "install_at": "2026-03-29T01:30:00Z",  # summer time began that night
            "retries": 3,
        },
    ),
    (
        "log",
        {"type": "security", "location": FILE, "from": "2026-03-01T00:00", "to": ""},
        {"type": "security", "location": FILE, "from": "2026-02-28T23:00:00Z"},
    ),
    (
        "display_message",
        {"id": "4", "content": "Out of order", "priority": "in_front", "state": "idle"},
        {
            "message": {
                "id": 4,
                "content": "Out of order",
                "format": "utf8",
                "priority": "in_front",
                "state": "idle",
            }
        },
    ),
    ("clear_display_message", {"id": "4"}, {"id": 4}),
]
ONLY_2 = {"display_message", "clear_display_message", "update_firmware"}  # at its own time


def test_every_form_is_tried() -> None:
    assert {name for name, _, _ in FILLED} == set(MORE)


@pytest.mark.parametrize(("name", "form", "payload"), FILLED)
def test_a_form_becomes_what_the_api_takes_and_what_every_version_can_say(
    name: str, form: dict[str, str], payload: dict[str, Any]
) -> None:
    (taken,) = (one.form for one in OF_THE_API if one.kind == name)

    read = COMMANDS[name].payload(form, CLOCK)

    assert read == payload
    taken.model_validate(read)
    for protocol, dialect in DIALECTS.items():
        try:
            calls = dialect.translate_order(name, read, OrderContext(request_id=1))
        except NotInThisVersion:
            assert protocol == "ocpp1.6"
            assert name in ONLY_2
            continue
        assert [schemas.violation(protocol, call.action, call.payload) for call in calls] == [
            None
        ] * len(calls)


@pytest.mark.parametrize(
    ("name", "form", "field", "said"),
    [
        ("charging_profile", {"evse": "1", "limit": "", "unit": "A"}, "limit", "0 to 1000 A"),
        ("charging_profile", {"evse": "1", "limit": "5001", "unit": "kW"}, "limit", "5000 kW"),
        ("charging_profile", {"evse": "x", "limit": "5", "unit": "A"}, "evse", "whole number"),
        ("reserve", {"evse": "1", "token": "A", "minutes": "0"}, "minutes", "from 1 to 4320"),
        ("reserve", {"evse": "1", "token": "", "minutes": "5"}, "token", "1 to 36 characters"),
        ("update_firmware", {"location": "firmware.bin"}, "location", "https://"),
        (
            "update_firmware",
            {"location": FILE, "retrieve_at": "tomorrow"},
            "retrieve_at",
            "a day and a time",
        ),
        (
            "update_firmware",
            {"location": FILE, "install_at": "2020-01-01T00:00"},
            "install_at",
            "before it is fetched",
        ),
        (
            "log",
            {"type": "security", "location": FILE, "from": "2026-03-02", "to": "2026-03-01"},
            "to",
            "the end is before the beginning",
        ),
        ("cancel_reservation", {"reservation": "2147483648"}, "reservation", "2147483647"),
        ("display_message", {"id": "1", "content": "", "priority": "", "state": ""}, "content", ""),
    ],
)
def test_what_cannot_be_read_is_said_by_its_field_and_in_words(
    name: str, form: dict[str, str], field: str, said: str
) -> None:
    with pytest.raises(Invalid) as refused:
        COMMANDS[name].payload({"phases": ""} | form, CLOCK)

    assert refused.value.field == field
    assert said in str(refused.value)


def test_the_audit_log_learns_the_place_of_a_file_and_not_the_way_in() -> None:
    signed = "ftp://user:secret@files.example.com/a.bin?sig=abc#x"

    assert told({"location": signed, "retries": 3, "token": "A"}) == {
        "location": "ftp://files.example.com/a.bin",
        "retries": 3,
    }


async def test_a_limit_from_the_orders_page_is_placed_and_shown_there(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("operator")
    page = await browser.page("/stations/HAM-01/orders")
    offered = {action.rsplit("/", 1)[-1] for action in page.actions if "/commands/" in action}
    assert offered == set(MORE)
    overview = await browser.page("/stations/HAM-01")
    assert "/stations/HAM-01/orders#commands" in overview.links
    assert "no form here" not in overview.text

    answer = await browser.send(
        "/stations/HAM-01/commands/charging_profile",
        **{"evse": "0", "limit": "11", "unit": "kW", "phases": "", "hours": "", "patience": "3600"},
    )
    reserved = await browser.send(
        "/stations/HAM-01/commands/reserve",
        **{"evse": "1", "token": "04A1", "minutes": "30", "patience": "120"},
    )
    refused = await browser.send(
        "/stations/HAM-01/commands/update_firmware", location="nowhere", patience="120"
    )

    async with db_sessions() as db:
        limit, reservation = await db.scalars(select(t.Order).order_by(t.Order.id))
        entries = await db.scalars(
            select(t.AuditEntry.details).where(t.AuditEntry.action == "station.order.reserve")
        )
        assert "04A1" not in str(list(entries))
    assert answer.headers["location"] == f"/stations/HAM-01/orders?order={limit.id}#orders"
    assert limit.payload["profile"]["schedules"][0]["periods"][0]["limit"] == 11_000
    assert reserved.status_code == 303
    assert refused.status_code == 422
    assert "Address of the file is" in refused.text, "the field as the page names it"
    assert "use an address such as" in refused.text
    shown = await browser.page(f"/stations/HAM-01/orders?order={limit.id}")
    (fresh,) = shown.all("tr", id=f"order-{limit.id}")
    assert fresh.attributes["class"] == "fresh"
    assert f"number {reservation.payload['reservation']}" in shown.text


async def test_the_orders_of_a_station_are_live(
    sign_in: SignIn, network: Network, web: Starlette
) -> None:
    browser = await sign_in("operator")
    await browser.send("/stations/HAM-01/commands/reset", type="soft", patience="120")
    page = await browser.page("/stations/HAM-01/orders?state=waiting")
    (stream,) = (
        one.attributes["hx-sse:connect"]
        for one in page.all("div")
        if "hx-sse:connect" in one.attributes
    )
    assert stream == "/live/station-orders?station=HAM-01&state=waiting"

    # The part that the stream sends is rendered without the page: it must need nothing of it.
    desk = web.state.desk
    async with desk.sessions() as db:
        asked = OrdersAsked(identity="HAM-01", state="waiting", may_cancel=True)
        view = await ORDERS.read(desk, db, network.organization_id, asked)
    part = desk.pages.fragment(ORDERS.template, {"view": view})
    assert "/cancel" in part
    assert "form_token" not in part
