"""The page of what a station holds to decide by itself."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import select

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network

PAGE = "/stations/HAM-01/authorization"


async def test_a_list_is_switched_on_sent_anew_and_a_cache_is_cleared_by_forms(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("operator")
    page = await browser.page(PAGE)
    assert "No list" in page.text
    assert "No root trusted" in page.text

    for form, fields in (("rule", {"rule": "all"}), ("resync", {}), ("clear-cache", {})):
        answer = await browser.send(f"{PAGE}/{form}", **fields)
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    page = await browser.page(PAGE)
    assert "Being brought up to date" in page.text
    assert "In force: every token." in page.text
    async with db_sessions() as db:
        kinds = set(await db.scalars(select(t.Order.kind)))
        actions = set(await db.scalars(select(t.AuditEntry.action)))
        row = (await db.scalars(select(t.LocalList))).first()
    assert {"local_list_version", "clear_cache"} <= kinds
    assert {"local_list.rule", "local_list.resync", "station.order.clear_cache"} <= actions
    assert row is not None

    async with db_sessions.begin() as db:
        found = await db.get_one(t.LocalList, row.id)
        found.state, found.failures, found.last_result = "failed", 3, "VersionMismatch"
    page = await browser.page(PAGE)
    assert "refused the list 3 times" in page.text
    assert "VersionMismatch" in page.text


async def test_who_only_reads_sees_the_list_and_no_form(sign_in: SignIn, network: Network) -> None:
    browser = await sign_in("read-only")
    page = await browser.page(PAGE)
    assert "Local list" in page.text
    assert not [action for action in page.actions if "authorization" in action]
    assert (await browser.send(f"{PAGE}/rule", rule="all")).status_code == 403


async def test_a_trusted_root_is_installed_by_one_button(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("operator")
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        station = (await db.scalars(select(t.Station).where(t.Station.identity == "HAM-01"))).one()
        station.protocol = "ocpp2.0.1"
        root = t.TrustedRoot(
            organization_id=station.organization_id,
            use="v2g",
            subject="CN=Example V2G Root",
            pem="PEM",
            fingerprint=b"-",
            not_before=now,
            not_after=now + timedelta(days=100),
        )
        db.add(root)
    form = f"{PAGE}/roots/{root.id}/install"
    assert form in (await browser.page(PAGE)).actions
    assert form not in (await (await sign_in("read-only")).page(PAGE)).actions

    answer = await browser.send(form)
    unknown = await browser.send(f"{PAGE}/roots/{uuid4()}/install")

    assert (answer.status_code, unknown.status_code) == (303, 404)
    async with db_sessions() as db:
        order = (await db.scalars(select(t.Order))).one()
    assert order.kind == "install_certificate"
    assert order.payload == {"use": "v2g", "certificate": "PEM"}
