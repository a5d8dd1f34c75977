"""Pages say what happened in words: no codes, no ids, in the order of a session's life."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from holdfast.domain import quality
from holdfast.services.sessions import timeline
from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import Browser, SignIn
from tests.web.network import Network
from web import sentences


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("quality: register_jump", "The meter jumped by more than the connector can deliver"),
        ("quality: brand_new", "Brand new"),
        ("silent", "The station has been silent for too long"),
        ("provider: PaymentRefused", "The payment provider cannot do it: it was refused"),
        ("cannot settle: PriceOverflows", "It cannot be settled: price overflows"),
        ("written by a person", "written by a person"),
    ],
)
def test_attention_is_a_sentence(reason: str, sentence: str) -> None:
    assert sentences.attention(reason) == sentence


def test_every_finding_of_the_quality_gate_has_a_sentence() -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    findings = [
        *quality.session_findings(
            energy_wh=-1, started_at=now + timedelta(days=1), ended_at=long_ago, now=now
        ),
        *quality.session_findings(
            energy_wh=10**9, started_at=now - timedelta(hours=2), ended_at=now, now=now
        ),
        *quality.session_findings(
            energy_wh=0, started_at=now - timedelta(hours=2), ended_at=now, now=now
        ),
    ]

    assert len(findings) >= 6
    assert {one.code for one in findings} <= set(sentences.FINDINGS)


async def lines(db_sessions: Sessions, network: Network, *kinds: tuple[str, str]) -> None:
    """Timeline lines of one instant and one transaction, as (key, kind)."""
    async with db_sessions.begin() as db:
        for key, kind in kinds:
            await db.execute(
                insert(t.SessionEvent).values(
                    session_id=network.troubled,
                    key=key,
                    organization_id=network.organization_id,
                    at=datetime(2026, 5, 1, tzinfo=UTC),
                    kind=kind,
                    details={"actor": "key:nobody"},
                )
            )


async def test_a_session_is_priced_before_it_is_settled(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    await lines(
        db_sessions,
        network,
        ("a", "settled.captured"),
        ("b", "priced"),
        ("c", "ended"),
        ("d", "charging"),
        ("e", "begun"),
        ("f", "started"),
    )

    page = await (await sign_in()).page(f"/sessions/{network.troubled}")
    async with db_sessions() as db:
        told = await timeline(db, network.organization_id, network.troubled)

    titles = [item.one("strong").text for item in page.one("ol", class_="timeline").all("li")]
    assert [title.split(":")[0] for title in titles] == [
        "Started",
        "Tariff frozen",
        "Charging",
        "Ended",
        "Priced",
        "Settled",
    ]
    assert [event.key for event in told] == ["f", "e", "d", "c", "b", "a"]
    assert titles[1].endswith(", version 1")


async def test_a_state_is_told_with_its_own_length_and_who_suspended_it(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        for minutes, state in ((40, "charging"), (9, "suspended_ev"), (3, "suspended_ev")):
            await db.execute(
                insert(t.SessionState).values(
                    session_id=network.troubled,
                    at=now - timedelta(minutes=minutes),
                    state=state,
                    organization_id=network.organization_id,
                )
            )

    page = await (await sign_in()).page(f"/sessions/{network.troubled}")

    tile = next(
        one for one in page.all("div", class_="tile") if one.text.strip().startswith("State")
    )
    assert "Suspended by the car" in tile.text
    assert "for 9 min" in tile.text
    assert "3.021 kWh" in page.text


@pytest.mark.parametrize(
    ("reason", "proposed"),
    [("quality: register_jump", "settle_anyway"), ("stop_ignored", "retry")],
)
async def test_the_fitting_resolution_is_proposed_above_the_timeline(
    reason: str, proposed: str, sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            update(t.Session)
            .where(t.Session.id == network.troubled)
            .values(attention=reason, ended_at=datetime.now(UTC))
        )
    browser = await sign_in()

    page = await browser.page(f"/sessions/{network.troubled}")
    text = (await browser.client.get(f"/sessions/{network.troubled}")).text

    choice = page.one("select", id="resolution")
    assert [
        one.attributes["value"] for one in choice.all("option") if "selected" in one.attributes
    ] == [proposed]
    assert text.index('id="decide"') < text.index('id="timeline-title"')
    assert "waits for a person" in page.text
    assert "priced when it has ended" not in page.text


async def waiting(browser: Browser) -> set[str]:
    """What stands beside Attention in the menus of a page without figures."""
    page = await browser.page("/tokens")
    return {one.text for one in page.all("span", class_="count")}


async def test_the_menu_counts_what_waits_and_parked_rows_are_decided(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("operator")
    before = await waiting(browser)
    async with db_sessions.begin() as db:
        for number in (1, 2):
            await db.execute(
                insert(t.OutboxRow).values(
                    organization_id=network.organization_id,
                    lane=1,
                    workflow_id=f"session-{network.running}",
                    operation="signal",
                    name="transaction_ended",
                    payload={},
                    parked_at=datetime.now(UTC),
                    attempts=number,
                    error="it does not decode",
                )
            )

    after = await waiting(browser)
    page = await browser.page("/attention")
    decided = sorted(action for action in page.actions if action.startswith("/attention/outbox/"))
    drop, resend = decided[0], decided[3]
    answers = [
        await browser.send(drop, reason="it can never be read"),
        await browser.send(resend, reason="after the upgrade"),
        await browser.send("/attention/outbox/x/drop", reason="not a number"),
    ]

    assert before == {"5 waiting"}
    assert after == {"7 waiting"}
    assert "it does not decode" in page.text
    assert [answer.status_code for answer in answers] == [303, 303, 404]
    assert await waiting(browser) == before
    async with db_sessions() as db:
        actions = set(await db.scalars(select(t.AuditEntry.action)))
        rows = (await db.scalars(select(t.OutboxRow).order_by(t.OutboxRow.id))).all()
    assert {"outbox.drop", "outbox.retry"} <= actions
    assert [row.sent_at is None for row in rows] == [False, True]
    assert all(row.parked_at is None or row.sent_at is not None for row in rows)


async def test_a_pending_station_is_let_in_from_its_page(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            update(t.Station).where(t.Station.identity == "HAM-03").values(registration="pending")
        )
    operator = await sign_in("administrator")
    reader = await (await sign_in("read-only")).page("/stations/HAM-03")

    listed = await operator.page("/stations?q=HAM-03")
    offered = (await operator.page("/stations/HAM-03")).actions
    answer = await operator.send("/stations/HAM-03/registration", registration="accepted")
    page = await operator.page("/stations/HAM-03")

    assert "Pending" in listed.one("tr", id="station-HAM-03").text
    assert "/stations/HAM-03/registration" in offered
    assert "/stations/HAM-03/registration" not in reader.actions
    assert answer.status_code == 303
    assert "/stations/HAM-03/registration" not in page.actions
    async with db_sessions() as db:
        entry = (
            await db.scalars(select(t.AuditEntry).where(t.AuditEntry.action == "station.change"))
        ).one()
    assert (entry.subject, entry.details) == ("station:HAM-03", {"registration": "accepted"})


async def test_a_connector_is_named_with_its_number_where_an_evse_has_several(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        station = await db.scalar(select(t.Station).where(t.Station.identity == "HAM-03"))
        assert station is not None
        await db.execute(
            insert(t.Connector).values(
                organization_id=network.organization_id, station_id=station.id, evse=1, number=7
            )
        )

    page = await (await sign_in()).page("/stations?q=HAM-03")

    labels = [one.text.split()[0] for one in page.all("span", class_="plug")]
    assert labels[0] == "1.1"
    assert "1.7" in labels
