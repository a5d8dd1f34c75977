"""The pages of the message log and of quirks: filters, pairs, roles, rules by form."""

import re

import httpx
import pytest
from sqlalchemy import select, text
from starlette.applications import Starlette

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network
from web.dashboard.message_log import MESSAGES, MessagesAsked
from web.live import COMMENT


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", 3),
        ("action=MeterValues", 2),
        ("direction=to_station", 2),
        ("odd=yes", 1),
        ("text=CONNECTORid", 1),
        ("text=nothing+of+it", 0),
        ("to=2020-01-01T00:00", 0),
        ("from=nonsense&direction=nonsense&before=nonsense", 3),
    ],
)
async def test_messages_of_a_station_are_searched(
    query: str, shown: int, sign_in: SignIn, network: Network
) -> None:
    page = await (await sign_in()).page(f"/stations/HAM-01/messages?{query}")

    items = [item for item in page.all("li") if item.attributes.get("id", "").startswith("message")]
    assert len(items) == shown
    is_live = bool(list(page.all("div", id="stream")))
    assert is_live is ("text=" not in query and "to=" not in query and "before=" not in query)


async def test_a_call_stands_beside_its_answer_with_the_time_between(
    sign_in: SignIn, network: Network
) -> None:
    page = await (await sign_in()).page("/stations/HAM-01/messages?odd=yes")

    pair = page.one("div", class_="log-pair")
    assert '"meterValue"' in pair.text
    assert '"41"' in pair.text
    assert re.search(r"Result, 1\D?000 ms after", pair.text)
    assert "Breaks the schema" in page.text
    assert "'timestamp' is a required property" in page.text


async def test_messages_of_all_stations_name_theirs_and_can_be_paused(
    sign_in: SignIn, network: Network
) -> None:
    browser = await sign_in()
    page = await browser.page("/messages")
    paused = await browser.page("/messages?live=off")

    assert {"HAM-01", "HAM-12"} <= {span.text for span in page.all("span", class_="code")}
    assert any("live=off" in link for link in page.links)
    assert not list(paused.all("div", id="stream"))


async def test_who_may_not_read_messages_sees_neither_page_nor_link_nor_stream(
    sign_in: SignIn, network: Network
) -> None:
    browser = await sign_in("read-only")

    for path in ("/messages", "/stations/HAM-01/messages"):
        assert (await browser.client.get(path)).status_code == 403
    assert (await browser.client.get("/live/messages?station=HAM-01")).status_code == 401
    front = await browser.page("/stations/HAM-01")
    assert not any("messages" in link for link in front.links)


async def test_a_stream_of_messages_begins_with_what_is_there(
    web: Starlette, sign_in: SignIn, network: Network
) -> None:
    asked = MessagesAsked(identity="HAM-01", values=(("action", "MeterValues"),))
    assert MESSAGES.stream_url(asked) == "/live/messages?station=HAM-01&action=MeterValues"

    desk = web.state.desk

    async def read() -> str:
        async with desk.sessions() as db:
            view = await MESSAGES.read(desk, db, network.organization_id, asked)
        return str(desk.pages.fragment(MESSAGES.template, {"view": view}))

    async def allowed() -> bool:
        return True

    stream = desk.live.stream(("t", asked), MESSAGES.topics, read, allowed)
    async for frame in stream:
        if frame != COMMENT:
            assert frame.count(b'id="message-') == 2
            break
    await stream.aclose()


def done(answer: httpx.Response) -> None:
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/quirks"


async def test_rules_are_added_switched_and_deleted_by_forms_and_audited(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("operator")
    added = await browser.send(
        "/quirks", vendor="voltwerk", model="V22", quirk="power_from_current", value="230"
    )
    done(added)
    async with db_sessions() as db:
        rule = (await db.scalars(select(t.QuirkRule))).one()
    assert (rule.value, rule.firmware) == (230, "*")

    page = await browser.page("/quirks?q=voltwerk")
    (row,) = [row for row in page.all("tr") if "id" in row.attributes]
    assert "230 V" in row.text
    station = await browser.page("/stations/HAM-01/quirks")
    assert "Own rule" in station.one("tr", id="quirk-power_from_current").text
    other = await browser.page("/stations/HAM-02/quirks")
    assert "No quirk known" in other.text

    done(await browser.send(f"/quirks/{rule.id}/disable"))
    station = await browser.page("/stations/HAM-01/quirks")
    assert "No quirk known" in station.text
    assert "(off)" in station.text
    done(await browser.send(f"/quirks/{rule.id}/enable"))
    done(await browser.send(f"/quirks/{rule.id}/delete"))

    done(await browser.send("/quirks/shipped/keba-sum/disable"))
    page = await browser.page("/quirks?q=keba")
    assert "instead of keba-sum" in page.text
    assert "Replaced" in page.one("tr", id="rule-keba-sum").text
    async with db_sessions() as db:
        actions = list(
            await db.scalars(
                select(t.AuditEntry.action)
                .where(t.AuditEntry.subject.startswith("quirk_rule:"))
                .order_by(t.AuditEntry.id)
            )
        )
    assert actions == [
        f"quirk_rule.{verb}" for verb in ("create", "change", "change", "delete", "create")
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"vendor": "A", "quirk": "no_such", "value": "yes"},
        {"vendor": "A", "quirk": "no_pings", "value": "perhaps"},
        {"vendor": "A", "quirk": "trigger_boot", "value": "soon"},
        {"quirk": "no_pings", "value": "yes"},
        {"firmware": ">=new", "quirk": "no_pings", "value": "yes"},
    ],
)
async def test_a_rule_that_cannot_be_is_refused_in_words(
    fields: dict[str, str], sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    answer = await (await sign_in()).send("/quirks", **fields)

    assert answer.status_code == 422
    async with db_sessions() as db:
        assert await db.scalar(text("SELECT count(*) FROM quirk_rules")) == 0


async def test_who_may_only_read_sees_rules_and_cannot_change_them(
    sign_in: SignIn, network: Network
) -> None:
    browser = await sign_in("read-only")

    page = await browser.page("/quirks")
    refused = await browser.send("/quirks", vendor="A", quirk="no_pings")

    assert "Shipped" in page.text
    assert "Add a rule" not in page.text
    assert refused.status_code == 403
