"""The tariff pages by their forms: written by one person, approved by another, assigned, ended."""

from html import unescape
from uuid import UUID

import httpx
from sqlalchemy import select

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import HOST, Browser, SignIn
from tests.web.network import Network
from tests.web.parsed import Element, parse

HTMX = {"Origin": HOST, "HX-Request": "true"}


def typed_in(page: Element) -> dict[str, str]:
    """What a browser would post of the editor's form."""
    form = next((item for item in page.all("form", id="editor")), page)
    fields: dict[str, str] = {}
    for item in form.all():
        name = item.attributes.get("name")
        if not name or item.tag == "button":
            continue
        if item.tag == "select":
            chosen = [one for one in item.all("option") if "selected" in one.attributes]
            chosen = chosen or list(item.all("option"))[:1]
            fields[name] = chosen[0].attributes.get("value", "") if chosen else ""
        elif item.tag == "textarea":
            fields[name] = item.text
        elif item.attributes.get("type") != "checkbox" or "checked" in item.attributes:
            fields[name] = item.attributes.get("value", "on")
    return fields


class Editor:
    """A draft open in a browser, htmx and all."""

    def __init__(self, browser: Browser, path: str, page: Element) -> None:
        self.browser, self.path, self.fields = browser, path, typed_in(page)

    async def press(self, wish: str, **fields: str) -> tuple[httpx.Response, Element]:
        """Type into some fields and press a button; what comes back is what stands there then."""
        typed = {name.replace("__", "."): value for name, value in fields.items()}
        answer = await self.browser.client.post(
            f"{self.path}/edit", data=self.fields | typed | {"wish": wish}, headers=HTMX
        )
        page = parse(answer.text)
        if answer.status_code == 200 and "hx-redirect" not in answer.headers:
            self.fields = typed_in(page)
        return answer, page

    async def check(self, **fields: str) -> str:
        """What the page is told while somebody types."""
        typed = {name.replace("__", "."): value for name, value in fields.items()}
        answer = await self.browser.client.post(
            f"{self.path}/check", data=self.fields | typed, headers=HTMX
        )
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)


async def new_tariff(browser: Browser, template: str, name: str = "Quayside") -> Editor:
    answer = await browser.send("/tariffs", name=name, currency="eur", template=template)
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    return Editor(browser, path, await browser.page(path))


PRICE = "elements__0__price_components__0__price"


async def test_a_price_is_written_by_one_person_and_approved_by_another(
    sign_in: SignIn, db_sessions: Sessions
) -> None:
    author, reviewer = await sign_in("finance"), await sign_in("administrator")
    editor = await new_tariff(author, "idle")

    answer, page = await editor.press("submit", **{PRICE: "0,52"}, note="Cheaper power")
    assert answer.headers["hx-redirect"] == editor.path
    own = await author.page(editor.path)
    assert "somebody else has to approve it" in own.text
    assert not any(action.endswith("/approve") for action in own.actions)
    refused = await author.send(f"{editor.path}/approve", revision="3")
    assert refused.status_code == 409

    seen = await reviewer.page(editor.path)
    assert "Cheaper power" in seen.text
    assert "Nothing stands in its way" in seen.text
    sent_back = await reviewer.send(f"{editor.path}/send-back", revision="3", reason="Too cheap")
    assert sent_back.status_code == 303
    assert "Too cheap" in (await author.page(editor.path)).text
    editor = Editor(author, editor.path, await author.page(editor.path))
    await editor.press("submit", **{PRICE: "0.59"}, valid_from="2021-01-01T00:00")
    stale = await reviewer.send(f"{editor.path}/approve", revision="3")
    assert stale.status_code == 409, "approved what nobody had read"
    read = await reviewer.page(f"{editor.path}/review")
    assert "in force at once" in read.text, "its day has passed"
    assert "when approved since" in " ".join(read.text.split())
    assert "€0.7021 per kWh" in read.one("section", aria_labelledby="differences-title").text
    approved = await reviewer.send(f"{editor.path}/approve", revision="6", note="Fine")
    assert approved.status_code == 303, approved.text

    page = await reviewer.page(approved.headers["location"])
    assert "Version 1" in page.text
    assert "In force" in page.text
    assert "0.7021" in page.text, "0.59 and 19 % tax"
    tariff_path = approved.headers["location"]
    answer = await author.send(f"{tariff_path}/drafts", version="1")
    second = Editor(
        author, answer.headers["location"], await author.page(answer.headers["location"])
    )
    await second.press("save", **{PRICE: "0.49"})
    assert (
        "Energy: 0.59 becomes 0.49 EUR per kWh"
        in (await reviewer.page(f"{second.path}/review")).text
    )
    async with db_sessions() as db:
        actions = set(await db.scalars(select(t.AuditEntry.action)))
    assert actions >= {
        "tariff.create",
        "tariff_draft.create",
        "tariff_draft.change",
        "tariff_draft.submit",
        "tariff_draft.send_back",
        "tariff_draft.approve",
    }


async def test_the_editor_keeps_what_was_typed_whatever_is_pressed(sign_in: SignIn) -> None:
    browser = await sign_in("finance")
    editor = await new_tariff(browser, "day-night")

    await editor.press("add-element", **{PRICE: "nonsense"}, note="half done")
    assert editor.fields["elements.0.price_components.0.price"] == "nonsense"
    assert "elements.2.price_components.0.price" in editor.fields
    await editor.press("lower-element 0")
    assert editor.fields["elements.1.price_components.0.price"] == "nonsense"
    assert editor.fields["elements.1.restrictions.start_time"] == "22:00"
    assert editor.fields["note"] == "half done"
    told = await editor.check()
    assert 'data-about="elements.1.price_components.0.price"' in told
    assert "“nonsense”" in told
    assert "data-series" not in told, "no week of a price that cannot be read"
    _, page = await editor.press("submit")
    assert "Saved as revision 2, but not submitted" in page.text
    assert editor.fields["elements.1.price_components.0.price"] == "nonsense"

    nul = await editor.browser.client.post(
        f"{editor.path}/edit", data=editor.fields | {"note": "a\0b"}, headers=HTMX
    )
    assert nul.status_code == 400
    answer, _ = await editor.press("show", revision="9" * 5_000)
    assert answer.status_code == 200
    await editor.press("to-json")
    assert '"price": "nonsense"' in editor.fields["json"]
    _, page = await editor.press("to-form", json="{ not json")
    assert "JSON" in page.text
    assert editor.fields["json"] == "{ not json"
    await editor.press(
        "to-form",
        json='{"elements": [{"price_components": [{"type": "ENERGY", "price": 0.37}]}]}',
    )
    assert editor.fields["elements.0.price_components.0.price"] == "0.37"


async def test_a_usual_tariff_fills_the_form_and_elements_say_what_they_are(
    sign_in: SignIn, db_sessions: Sessions
) -> None:
    browser = await sign_in("finance")
    await browser.send("/user-groups", name="Harbour crew", key="crew")
    editor = await new_tariff(browser, "plain")
    assert "Energy 0.45 EUR per kWh, at any time" in (await browser.page(editor.path)).text

    _, page = await editor.press("begin", template="members", note="kept")
    assert "Free for a group: a beginning to type over." in page.text
    assert "Energy 0 EUR per kWh, for crew" in page.text
    assert editor.fields["elements.0.restrictions.user_groups.crew"] == "on"
    assert editor.fields["note"] == "kept"
    told = await editor.check(**{"elements__1__price_components__0__price": "0,61"})
    assert "Energy 0.61 EUR per kWh, at any time" in told
    assert "stand in the way" not in told
    await editor.press("to-json")
    _, page = await editor.press("begin", template="no such")
    assert "Nothing was changed." in page.text
    for _ in range(2):
        await editor.press("to-form")
        await editor.press("copy-element 1")
    editor.fields["elements.3.shut"] = "1"
    _, page = await editor.press("show")
    bodies = list(page.all("details", class_="more element-body"))
    assert ["open" in body.attributes for body in bodies] == [True, True, True, False]
    _, page = await editor.press("show", elements__3__price_components__0__price="dear")
    bodies = list(page.all("details", class_="more element-body"))
    assert "open" in bodies[3].attributes, "a mistake is not hidden"
    assert "Cannot be read yet" in bodies[3].text
    async with db_sessions() as db:
        assert await db.scalar(select(t.TariffDraft.revision)) == 1, "nothing was saved"


async def test_who_saves_second_is_told_and_loses_nothing(
    sign_in: SignIn, db_sessions: Sessions
) -> None:
    first, second = await sign_in("finance"), await sign_in("administrator")
    mine = await new_tariff(first, "plain")
    theirs = Editor(second, mine.path, await second.page(mine.path))

    await theirs.press("save", **{PRICE: "0.61"})
    _, page = await mine.press("save", **{PRICE: "0.62"})
    assert "Somebody saved it while you were typing" in page.text
    assert "administrator of the night shift" in page.text
    assert mine.fields["elements.0.price_components.0.price"] == "0.62"
    assert mine.fields["revision"] == "1", "a second press of save must not slip through"
    _, page = await mine.press("overwrite")
    assert "Saved as revision 3" in page.text

    async with db_sessions() as db:
        body = await db.scalar(select(t.TariffDraft.body))
    assert body is not None
    assert body["elements"][0]["price_components"][0]["price"] == "0.62"


async def test_findings_a_week_and_a_session_are_told_while_typing(sign_in: SignIn) -> None:
    editor = await new_tariff(await sign_in("finance"), "idle")

    told = await editor.check(
        **{PRICE: "0.50", "elements__0__price_components__0__step_size": "1000"},
        week="2026-11-23",
        energy="10",
        charging="1 h",
        idle="1 h 30",
        start="2026-11-23T12:00",
    )
    assert 'hx-target="#said-element-0-price-0"' in told
    assert "data-series" in told
    assert "Mon 23 Nov 00:00" in told
    assert "0.595" in told, "a kWh after tax"
    assert "Give durations such as" in told

    told = await editor.check(
        **{PRICE: "0.50"}, energy="10", charging="1 h", idle="1 h", start="2026-11-23T12:00"
    )
    assert "9.52" in told, "10 kWh at 0.50, and half an hour of parking at 6.00, plus 19 % tax"


async def test_a_tariff_is_assigned_ended_withdrawn_and_retired(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    author, reviewer = await sign_in("finance"), await sign_in("administrator")
    editor = await new_tariff(author, "plain", "Fleet")
    await editor.press("submit", valid_from="2199-01-01T00:00")
    await reviewer.send(f"{editor.path}/approve", revision="3")
    path = editor.path.partition("/drafts")[0]
    page = await author.page(path)
    assert "Scheduled" in page.text
    assert "Withdraw version 1" in page.text

    for place in (
        {"station": "", "evse": "1"},
        {"station": "HAM-01", "site": str(network.site_id)},
    ):
        refused = await author.send(f"{path}/assignments", audience="ad_hoc", **place)
        assert refused.status_code == 422, refused.text
        assert str(network.site_id) not in refused.text, "an id that nobody typed"
    answer = await author.send(
        f"{path}/assignments", audience="ad_hoc", site="", station="HAM-01", evse="1"
    )
    assert answer.status_code == 303, answer.text
    page = await author.page(path)
    assert "Ad hoc payment HAM-01, EVSE 1" in page.text
    assert (await author.send(f"{path}/retire", reason="no longer sold")).status_code == 409
    (end,) = [action for action in page.actions if "/assignments/" in action]
    assert (await author.send(end)).status_code == 303
    withdrawn = await author.send(f"{path}/versions/1/end", reason="wrong price")
    assert withdrawn.status_code == 303
    page = await author.page(path)
    assert "Withdrawn" in page.text
    assert "was to come into force on 01 Jan 2199 00:00:00" in page.text
    assert "wrong price" in page.text
    assert (await author.send(f"{path}/retire", reason="no longer sold")).status_code == 303
    page = await author.page(path)
    assert "Retired" in page.text
    assert not [action for action in page.actions if action.startswith(path)]


async def test_a_tariff_shows_its_week_where_it_applies_and_helps_to_name_stations(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("finance")
    async with db_sessions() as db:
        version = await db.get_one(t.TariffVersion, network.tariff_version)
        site = await db.get_one(t.Site, network.site_id)

    page = await browser.page(f"/tariffs/{version.tariff_id}")

    drawn = next(item for item in page.all() if "data-series" in item.attributes)
    assert drawn.attributes["data-zone"] == site.time_zone
    assert "HAM-01" in [
        option.attributes["value"] for option in page.one("datalist", id="stations").all("option")
    ]
    ask = next(page.all("details", class_="more ask"))
    assert "New sessions there pay what applies next" in ask.text, "a second step before it ends"


async def test_the_list_shows_states_prices_and_places_and_can_be_filtered(
    sign_in: SignIn, network: Network
) -> None:
    browser = await sign_in("finance")
    await new_tariff(browser, "plain", "Quayside")

    page = await browser.page("/tariffs")
    assert "HAM Harbour" in page.text
    assert "In force" in page.text
    drafts = await browser.page("/tariffs?state=draft")
    rows = [row for row in drafts.all("tr") if row.attributes.get("id", "").startswith("tariff-")]
    assert len(rows) == 1
    assert "Quayside" in rows[0].text
    nothing = await browser.page("/tariffs?q=zzz")
    assert "No tariff found" in nothing.text


async def test_readers_and_strangers_see_what_they_may(
    sign_in: SignIn, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        other = t.Organization(slug="other", name="Other")
        db.add(other)
        await db.flush()
        other_id: UUID = other.id
    author, reader = await sign_in("finance"), await sign_in("support")
    stranger = await sign_in("administrator", other_id)
    editor = await new_tariff(author, "plain")
    path = editor.path.partition("/drafts")[0]

    for page in ("/tariffs", path, editor.path):
        shown = await reader.page(page)
        assert shown.actions <= {"/sign-out", "/tariffs", f"{editor.path}/review"}, page
    for page in (path, editor.path, f"{editor.path}/review"):
        await stranger.page(page, 404)
    assert "No tariff" in (await stranger.page("/tariffs")).text
    for form in (f"{editor.path}/edit", f"{editor.path}/check", f"{path}/retire"):
        assert (await reader.send(form, reason="because")).status_code == 403, form
        answer = await stranger.send(form, revision="1", wish="save", reason="because")
        assert answer.status_code == 404, form
    for page in ("/tariffs/nothing", "/tariffs/nothing/drafts/nothing", "/user-groups/nothing"):
        await reader.page(page, 404)


async def test_a_user_group_is_made_filled_and_emptied(
    sign_in: SignIn, db_sessions: Sessions, organization: UUID
) -> None:
    browser = await sign_in()
    async with db_sessions.begin() as db:
        account = t.Account(organization_id=organization, name="North Fleet", billing="invoice")
        token = t.Token(organization_id=organization, type="ISO14443", uid="04AA")
        db.add_all([account, token])
        await db.flush()
        account_id = account.id

    assert (await browser.send("/user-groups", name="Fleet", key="no spaces")).status_code == 422
    made = await browser.send("/user-groups", name="Fleet", key="fleet")
    path = made.headers["location"]
    both = {"account": str(account_id), "token": "04aa"}
    added = await browser.send(f"{path}/members", **both)
    assert added.status_code == 303, added.text
    nobody = {"account": "", "token": "nope"}
    assert (await browser.send(f"{path}/members", **nobody)).status_code == 422
    page = await browser.page(path)
    assert "North Fleet" in page.text
    assert "04AA" in page.text
    assert (await browser.send(f"{path}/delete")).status_code == 409
    for action in [action for action in page.actions if action.endswith("/remove")]:
        assert (await browser.send(action)).status_code == 303
    assert (await browser.send(f"{path}/rename", name="Fleet North")).status_code == 303
    assert "Fleet North" in (await browser.page("/user-groups")).text
    assert (await browser.send(f"{path}/delete")).status_code == 303
    assert "No group" in (await browser.page("/user-groups")).text


def test_textareas_and_options_are_read_as_a_browser_would() -> None:
    page = parse(
        '<form id="editor"><textarea name="a">x</textarea><select name="b">'
        '<option value="1"></option><option value="2" selected></option></select>'
        '<input type="checkbox" name="c"><input type="checkbox" name="d" checked></form>'
    )

    assert typed_in(page) == {"a": "x", "b": "2", "d": "on"}
