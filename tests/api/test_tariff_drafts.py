"""A price is written by one person and approved by another: drafts, their revisions, races."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from holdfast.services.refusal import Invalid
from holdfast.services.tariff_drafts import count_to_review
from holdfast.services.tariff_versions import locked_tariff, make_version
from holdfast.store.database import Sessions
from tests.api.conftest import Clients

DRAFTS = "/api/v1/tariff-drafts"
ENERGY = {"elements": [{"price_components": [{"type": "ENERGY", "price": "0.50", "vat": "20"}]}]}
BROKEN = {"elements": [{"price_components": [{"type": "ENERGY", "price": "dear"}]}]}
BLOCKED = {
    "elements": [{**ENERGY["elements"][0], "restrictions": {"min_kwh": "9", "max_kwh": "3"}}]
}
FAR = "2099-01-01T00:00:00Z"


@pytest.fixture
async def people(clients: Clients, organization: UUID) -> Any:
    """Ada writes, Ben approves (finance), Cy reads only."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(clients.as_role(organization, role))
            for role in ("administrator", "finance", "read-only")
        ]


async def tariff(client: httpx.AsyncClient) -> str:
    made = await client.post("/api/v1/tariffs", json={"name": "AC", "currency": "EUR"})
    return str(made.json()["id"])


async def draft(client: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    """A new one."""
    body = {"tariff": values.pop("tariff", None) or await tariff(client), "body": ENERGY, **values}
    made = await client.post(DRAFTS, json=body)
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def act(
    client: httpx.AsyncClient, what: str, of: dict[str, Any], **values: Any
) -> httpx.Response:
    """With the revision that was seen."""
    return await client.post(
        f"{DRAFTS}/{of['id']}/{what}", json={"revision": of["revision"]} | values
    )


async def test_a_draft_becomes_a_version_by_a_second_person(
    people: list[httpx.AsyncClient],
) -> None:
    ada, ben, cy = people
    written = await draft(ada, note="for the summer")
    assert (written["state"], written["revision"], written["problem"]) == ("draft", 1, None)
    early = await act(ben, "approve", written)
    submitted = (await act(ada, "submit", written)).json()

    reader = await act(cy, "approve", submitted)
    author = await act(ada, "approve", submitted)
    stale = await act(ben, "approve", written)
    approved = await act(ben, "approve", submitted, note="fine")
    again = await act(ben, "approve", approved.json()["draft"])

    assert [one.status_code for one in (early, reader, author, stale, approved, again)] == [
        409, 403, 409, 409, 200, 409,
    ]  # fmt: skip
    assert "somebody else" in author.json()["detail"]
    assert "revision 2" in stale.json()["detail"]
    version = approved.json()["version"]
    assert (version["number"], version["state"]) == (1, "in_force")
    assert version["body"]["id"] == version["id"] == approved.json()["draft"]["version_id"]
    shown = (await ada.get(f"/api/v1/tariffs/{version['tariff']}")).json()
    assert (shown["state"], shown["current"]["number"]) == ("in_force", 1)
    log = (await ada.get("/api/v1/audit-log?action=tariff_draft.approve")).json()["items"]
    assert [entry["reason"] for entry in log] == ["fine"]
    assert log[0]["details"]["authors"] == written["authors"]


async def test_whoever_wrote_in_it_can_no_longer_approve_it(
    people: list[httpx.AsyncClient],
) -> None:
    ada, ben, _ = people
    written = await draft(ada)
    changed = (
        await ben.patch(f"{DRAFTS}/{written['id']}", json={"revision": 1, "note": "dearer"})
    ).json()
    submitted = (await act(ada, "submit", changed)).json()

    refused = [await act(who, "approve", submitted) for who in (ada, ben)]
    late = await ada.patch(f"{DRAFTS}/{written['id']}", json={"revision": 3, "note": "x"})
    back = (await act(ben, "send-back", submitted, note="too dear")).json()
    await ada.patch("/api/v1/organizations/current", json={"tariff_approval": "author"})
    own = await act(ada, "approve", (await act(ada, "submit", back)).json())

    assert [one.status_code for one in refused] == [409, 409]
    assert late.status_code == 409  # in review nothing changes under the reviewer's eyes
    assert (back["state"], back["decision_note"]) == ("draft", "too dear")
    assert own.status_code == 200, own.text


async def test_two_keys_of_one_person_are_no_two_pairs_of_eyes(
    clients: Clients, db_sessions: Sessions, organization: UUID, people: list[httpx.AsyncClient]
) -> None:
    made: dict[str, dict[str, Any]] = {}

    async def key(name: str, maker: httpx.AsyncClient, **values: str) -> httpx.AsyncClient:
        answer = await maker.post(
            "/api/v1/api-keys", json={"name": name, "role": "administrator"} | values
        )
        made[name] = answer.json()
        return await stack.enter_async_context(clients.with_key(made[name]["key"]))

    ada = people[0]
    async with AsyncExitStack() as stack:
        nobodys = await key("nobody's", ada)
        eve = await key("Eve", ada, person="Eve  Ng")
        again = await key("Eve again", ada, person="eve ng")
        from_eve = await key("from Eve", eve)
        fay = await key("Fay", eve, person="Fay")
        by_ada, by_eve = [(await act(who, "submit", await draft(who))).json() for who in (ada, eve)]
        async with db_sessions() as db:
            waiting = {
                name: await count_to_review(db, organization, actor=f"key:{one['id']}")
                for name, one in made.items()
            }
        refused = [
            await act(nobodys, "approve", by_ada),
            await act(again, "approve", by_eve),
            await act(from_eve, "approve", by_eve),
        ]
        approved = [await act(eve, "approve", by_ada), await act(fay, "approve", by_eve)]

    assert waiting == {"nobody's": 1, "Eve": 1, "Eve again": 1, "from Eve": 1, "Fay": 2}
    assert [one.status_code for one in refused] == [409] * 3
    assert "belongs to the same person" in refused[0].json()["detail"]
    assert [one.status_code for one in approved] == [200, 200]
    assert made["from Eve"]["made_by"] == made["Eve"]["id"]
    log = (await ada.get("/api/v1/audit-log?action=api_key.create")).json()["items"]
    assert {entry["details"]["person"] for entry in log} == {None, "Eve  Ng", "eve ng", "Fay"}


async def test_two_approvals_at_once_make_one_version(
    clients: Clients, organization: UUID, people: list[httpx.AsyncClient]
) -> None:
    ada, ben, _ = people
    submitted = (await act(ada, "submit", await draft(ada))).json()
    async with clients.as_role(organization, "finance") as dot:
        answers = await asyncio.gather(
            *(act(who, "approve", submitted) for who in (ben, dot, ben, dot))
        )

    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    path = f"/api/v1/tariffs/{submitted['tariff']}/versions"
    assert len((await ada.get(path)).json()["items"]) == 1


async def test_of_two_drafts_approved_at_once_the_last_one_holds_and_none_is_sent_again(
    clients: Clients, organization: UUID, people: list[httpx.AsyncClient]
) -> None:
    ada, ben, _ = people
    one = await draft(ada)
    drafts = [one, *[await draft(ada, tariff=one["tariff"]) for _ in range(3)]]
    submitted = [(await act(ada, "submit", each)).json() for each in drafts]
    async with clients.as_role(organization, "finance") as dot:
        answers = await asyncio.gather(
            *(
                act(who, "approve", each)
                for who, each in zip((ben, dot) * 2, submitted, strict=True)
            )
        )

    assert [answer.status_code for answer in answers] == [200] * 4
    path = f"/api/v1/tariffs/{one['tariff']}/versions"
    versions = (await ada.get(path)).json()["items"]
    assert [each["number"] for each in versions] == [1, 2, 3, 4]
    since = [datetime.fromisoformat(each["valid_from"]) for each in versions]
    assert since == sorted(set(since))
    assert [each["state"] for each in versions] == ["retired"] * 3 + ["in_force"]


async def test_of_versions_for_now_the_later_one_begins_behind_one_of_a_clock_ahead(
    db_sessions: Sessions, organization: UUID, people: list[httpx.AsyncClient]
) -> None:
    tariff_id = UUID(await tariff(people[0]))
    now = datetime.now(UTC)
    valid_from = [now + timedelta(seconds=3), now, now - timedelta(seconds=1), now]
    begun: list[timedelta | str] = []
    for at, clock in zip(valid_from, [now, now, now, now - timedelta(minutes=1)], strict=True):
        async with db_sessions.begin() as db:
            row = await locked_tariff(db, organization, tariff_id)
            try:
                made = await make_version(db, row, ENERGY, valid_from=at, actor="key:1", now=clock)
                begun.append(made.version.valid_from - now)
            except Invalid as error:
                begun.append(error.field)

    assert begun[:2] == [timedelta(seconds=3), timedelta(seconds=3, microseconds=1)]
    assert begun[2:] == ["valid_from"] * 2, "a time that somebody chose is never another one"


async def test_what_is_wrong_may_be_written_but_not_submitted(
    people: list[httpx.AsyncClient],
) -> None:
    ada = people[0]
    broken = await draft(ada, body=BROKEN)
    blocked = await draft(ada, tariff=broken["tariff"], body=BLOCKED)
    template = await draft(ada, tariff=broken["tariff"], body=None, template="plain")
    misspelt = await ada.post(DRAFTS, json={"tariff": broken["tariff"], "template": "plane"})
    unknown = await draft(ada, tariff=broken["tariff"], body=ENERGY | {"holiday_calendar": "XX-9"})

    refused = [await act(ada, "submit", one) for one in (broken, blocked, unknown)]

    assert broken["problem"]["field"] == "elements[0].price_components[0].price"
    assert broken["problem"]["value"] == "dear"
    assert [one["severity"] for one in blocked["findings"]].count("block") == 1
    assert (template["problem"], "elements" in template["body"]) == (None, True)
    assert misspelt.status_code == 422
    assert [one.status_code for one in refused] == [422, 422, 422]
    errors = [one.json()["errors"][0] for one in refused]
    assert errors[0]["field"] == "elements[0].price_components[0].price"
    assert errors[2]["field"] == "holiday_calendar"
    assert all(error["expected"] for error in errors)


async def test_holidays_are_written_out_when_a_draft_is_approved(
    people: list[httpx.AsyncClient],
) -> None:
    ada, ben, _ = people
    submitted = (
        await act(ada, "submit", await draft(ada, body=ENERGY | {"holiday_calendar": "DE-BY"}))
    ).json()

    version = (await act(ben, "approve", submitted)).json()["version"]
    copied = await draft(ada, tariff=version["tariff"], body=None, from_version=1)

    years = sorted({day[:4] for day in version["body"]["holidays"]})
    assert len(years) == 6
    assert f"{years[0]}-11-01" in version["body"]["holidays"]  # All Saints, in Bavaria
    assert f"{years[0]}-10-31" not in version["body"]["holidays"]  # Reformation Day, elsewhere
    assert copied["body"] == {
        name: value
        for name, value in version["body"].items()
        if name not in ("id", "currency", "holidays")
    }
    assert copied["based_on"] == version["id"]


async def test_a_scheduled_version_can_be_withdrawn_and_one_in_force_ended(
    people: list[httpx.AsyncClient],
) -> None:
    ada, ben, _ = people

    async def approved(**values: Any) -> dict[str, Any]:
        seen = (await act(ada, "submit", await draft(ada, **values))).json()
        made = await act(ben, "approve", seen)
        answer: dict[str, Any] = made.json()
        version: dict[str, Any] = answer.get("version", answer)
        return version

    first = await approved()
    tariff_id = first["tariff"]
    path = f"/api/v1/tariffs/{tariff_id}/versions"
    second = await approved(tariff=tariff_id, valid_from=FAR)
    between = await approved(tariff=tariff_id)
    withdrawn = await ada.post(f"{path}/2/end", json={"reason": "a mistake"})
    third = await approved(tariff=tariff_id, valid_from="2020-01-01T00:00:00Z")
    ended = await ada.post(f"{path}/3/end", json={})
    repeated = await ada.post(f"{path}/3/end", json={})

    assert second["state"] == "scheduled"
    assert "withdraw" in between["detail"]
    assert (withdrawn.json()["state"], withdrawn.json()["end_reason"]) == ("withdrawn", "a mistake")
    assert third["state"] == "in_force"
    assert third["valid_from"] > first["valid_from"]  # a time that passed meanwhile: at once
    assert (ended.json()["state"], repeated.status_code) == ("retired", 409)
    states = [one["state"] for one in (await ada.get(path)).json()["items"]]
    assert states == ["in_force", "withdrawn", "retired"]


async def test_publishing_without_a_second_person_says_how_it_is_done(
    people: list[httpx.AsyncClient],
) -> None:
    ada, ben, _ = people
    tariff_id = await tariff(ada)

    direct = await ada.post(f"/api/v1/tariffs/{tariff_id}/versions", json=ENERGY)
    rule = await ben.patch("/api/v1/organizations/current", json={"tariff_approval": "author"})
    wrong = await ada.patch("/api/v1/organizations/current", json={"tariff_approval": "nobody"})

    assert direct.status_code == 409
    assert "tariff-drafts" in direct.json()["detail"]
    assert (rule.status_code, wrong.status_code) == (403, 422)


async def test_drafts_are_listed_and_discarded(people: list[httpx.AsyncClient]) -> None:
    ada, ben, cy = people
    first = await draft(ada)
    second = await draft(ada, tariff=first["tariff"])
    other = await draft(ada)

    gone = (await act(ada, "discard", second, note="not needed")).json()
    kept = await ada.get(f"{DRAFTS}/{gone['id']}")
    open_ones = await cy.get(DRAFTS, params={"tariff": first["tariff"], "state": "draft"})
    everything = await cy.get(DRAFTS, params={"limit": 2})

    assert (gone["state"], gone["decision_note"]) == ("discarded", "not needed")
    assert kept.json()["state"] == "discarded"
    assert [one["id"] for one in open_ones.json()["items"]] == [first["id"]]
    assert [one["id"] for one in everything.json()["items"]] == [other["id"], second["id"]]
    assert everything.json()["next"] is not None
    assert (await act(ben, "discard", gone)).status_code == 409
