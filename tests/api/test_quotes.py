"""What a driver would pay at an EVSE, and why: as the bill will say it."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert, update

from holdfast.domain.tariff.canonical import tariff_to_json
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.store.database import Sessions
from holdfast.store.tables import Evse, Site, Tariff, TariffAssignment, TariffVersion, UserGroup
from tests.api.installation import STARTED, Installation, install

QUOTES = "/api/v1/quotes"
MEMBERS = {
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": "0.20", "vat": "19"}],
            "restrictions": {"start_time": "22:00", "end_time": "06:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": "0.40", "vat": "19"}]},
    ]
}
AD_HOC = {"elements": [{"price_components": [{"type": "ENERGY", "price": "0.60", "vat": "19"}]}]}


@pytest.fixture
async def acme(db_sessions: Sessions, organization: UUID) -> Installation:
    """A price for everybody; one for members, whose price depends on the clock; one for ad hoc."""
    made = await install(db_sessions, organization, "ACME")
    of = {"organization_id": organization}
    async with db_sessions.begin() as db:
        await db.execute(update(Site).values(country="DE"))
        await db.execute(insert(Evse).values(**of, station_id=made.ids["station_id"], number=2))
        staff = await db.scalar(
            insert(UserGroup).values(**of, key="staff", name="Staff").returning(UserGroup.id)
        )
        for name, body, scope in (
            ("members", MEMBERS, {"user_group_id": made.ids["group_id"]}),
            ("ad hoc", AD_HOC, {"ad_hoc": True}),
            ("staff", AD_HOC, {"user_group_id": staff}),
        ):
            tariff = await db.scalar(
                insert(Tariff).values(**of, name=name, currency="EUR").returning(Tariff.id)
            )
            version = tariff_from_json({"id": name, "currency": "EUR", **body})
            await db.execute(
                insert(TariffVersion).values(
                    **of,
                    tariff_id=tariff,
                    number=1,
                    valid_from=STARTED,
                    body=tariff_to_json(version),
                )
            )
            await db.execute(
                insert(TariffAssignment).values(**of, tariff_id=tariff, created_at=STARTED, **scope)
            )
    return made


async def ask(client: httpx.AsyncClient, acme: Installation, **asked: Any) -> dict[str, Any]:
    answer = await client.get(QUOTES, params={"station": acme.ids["identity"], **asked})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_quote_says_what_is_paid_and_why(
    client: httpx.AsyncClient, acme: Installation
) -> None:
    joined = await client.post(
        f"/api/v1/user-groups/{acme.ids['group_id']}/members",
        json={"accounts": [acme.ids["account_id"]]},
    )
    assert joined.json()["accounts"] == 1
    card = {"token": "acmeuid"}
    evening = {"at": "2026-11-20T20:30:00Z", "energy_wh": 20_000, "charging_s": 7_200}  # 21:30

    member = await ask(client, acme, **card, **evening, lang="de-DE")
    guest = await ask(client, acme, ad_hoc=True, **evening)
    anybody = await ask(client, acme, **evening)

    assert (member["tariff_name"], member["audience"], member["place"]) == (
        "members",
        "user_group",
        "organization",
    )
    assert member["user_groups"] == ["ACME-members"]
    # Half an hour at 0.40, an hour and a half at 0.20, evenly charged: 5 and 15 kWh.
    assert (member["estimate"]["excl_vat"], member["estimate"]["incl_vat"]) == ("5.00", "5.95")
    assert member["rates"] == [
        {
            "kind": "energy",
            "per": "kwh",
            "excl_vat": "0.4",
            "incl_vat": "0.476",
            "vat": "19",
            "step": 1,
            "grace_s": 0,
            "market": False,
        }
    ]
    assert member["next_change"]["at"] == "2026-11-20T21:00:00Z"
    assert member["next_change"]["excl_vat"] == "0.2"
    assert [(one["tariff_name"], one["lost"]) for one in member["considered"]] == [
        ("members", None),
        (
            "ACME tariff",
            "a tariff for the driver's user group comes before one for everybody",
        ),
    ]
    assert {one["tariff_name"] for one in member["for_others"]} == {"staff", "ad hoc"}
    assert "0,476" in " ".join(member["words"]["lines"])
    assert (guest["tariff_name"], guest["estimate"]["excl_vat"]) == ("ad hoc", "12.00")
    assert anybody["tariff_name"] == "ACME tariff"
    assert {one["tariff_name"] for one in anybody["for_others"]} == {"members", "ad hoc", "staff"}


async def test_a_question_without_an_answer_says_what_would_be_right(
    client: httpx.AsyncClient, acme: Installation
) -> None:
    before = await ask(client, acme, at="2020-01-01T00:00:00Z", energy_wh=1, charging_s=1)
    refused = [
        await client.get(QUOTES, params={"station": acme.ids["identity"], **asked})
        for asked in (
            {"token": "ACMEUID", "ad_hoc": "true"},
            {"energy_wh": "5"},
            {"at": "2026-11-20T20:30:00"},
            {"tokn": "ACMEUID"},
            {"token": "NOBODY"},
            {"account": acme.ids["token_id"]},
            {"station": "ELSEWHERE"},
        )
    ]

    assert (before["tariff"], before["estimate"], before["rates"]) == (None, None, [])
    assert (before["considered"], before["for_others"]) == ([], [])
    assert [one.status_code for one in refused] == [422, 422, 422, 422, 404, 404, 404]
    errors = [one.json()["errors"][0] for one in refused[:4]]
    assert [error["field"] for error in errors] == [
        "ad_hoc",
        "charging_s",
        "query.at",
        "query.tokn",
    ]
    assert all(error["expected"] for error in errors)
