"""Sessions by way of the API: the fixed fields, the state, the series, what a person decides."""

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert, select, update

from holdfast.domain.session_state import SessionState
from holdfast.services.sessions import state_case, state_of
from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, OutboxRow, Payment, Session, Settlement, Station
from tests.api.installation import Installation, install, settle

FIELDS = {
    *("id", "station", "evse", "connector", "token", "transaction_id", "started_at", "ended_at"),
    *("energy_wh", "state", "stop_reason", "tariff_version", "price", "settlement", "workflow_id"),
}
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
async def acme(db_sessions: Sessions, organization: UUID) -> Installation:
    return await install(db_sessions, organization, "ACME")


async def read(client: httpx.AsyncClient, session: UUID) -> dict[str, Any]:
    body: dict[str, Any] = (await client.get(f"/api/v1/sessions/{session}")).json()
    return body


async def test_a_running_session_has_all_its_fields_and_no_price_yet(
    client: httpx.AsyncClient, acme: Installation
) -> None:
    shown = await read(client, acme.session)

    assert set(shown) >= FIELDS
    assert shown["station"] == "ACME-1"
    assert shown["token"] == "ACMEUID"  # noqa: S105 - a card's number
    assert shown["state"] == "charging"
    assert shown["started_at"] == "2026-11-01T12:00:00Z"
    assert shown["workflow_id"] == f"session-{acme.session}"
    assert (shown["price"], shown["settlement"], shown["ended_at"]) == (None, None, None)


async def test_a_price_is_shown_before_there_is_an_outcome(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    await settle(db_sessions, acme.session, None)

    shown = await read(client, acme.session)

    assert shown["state"] == "priced"
    assert shown["price"]["incl_vat"] == "1.00"
    assert shown["settlement"] is None


async def test_a_settled_session_has_its_one_outcome(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    await settle(db_sessions, acme.session, "invoiced")

    settlement = (await read(client, acme.session))["settlement"]

    assert (settlement["outcome"], settlement["amount_minor"]) == ("invoiced", 100)
    assert settlement["at"].endswith("Z")


async def test_the_state_in_sql_is_the_state_in_python_for_every_combination(
    db_sessions: Sessions, acme: Installation
) -> None:
    charging = ("connected", "charging", "suspended_ev", "suspended_evse", "idle", None)
    combinations = list(
        itertools.product(
            (NOW, None), (NOW, None), (NOW, None), (NOW, None), charging, ("none", "open", "free")
        )
    )
    async with db_sessions.begin() as db:
        station = (await db.scalars(select(Station))).one()
        for started, ended, forced, closed, state, settlement in combinations:
            session = await db.scalar(
                insert(Session)
                .values(
                    organization_id=station.organization_id,
                    station_id=station.id,
                    evse=1,
                    started_at=started,
                    ended_at=ended,
                    ended_by_us_at=forced,
                    closed_at=closed,
                    charging_state=state,
                )
                .returning(Session.id)
            )
            if settlement != "none":
                await db.execute(
                    insert(Settlement).values(
                        session_id=session,
                        organization_id=station.organization_id,
                        currency="EUR",
                        energy_wh=0,
                        amount_minor=0,
                        excl_vat="0",
                        incl_vat="0",
                        breakdown={},
                        deadline_at=NOW,
                        outcome=None if settlement == "open" else "free",
                        settled_at=None if settlement == "open" else NOW,
                    )
                )
        rows = (
            await db.execute(
                select(Session, Settlement, state_case()).outerjoin(
                    Settlement, Settlement.session_id == Session.id
                )
            )
        ).all()

    assert len(rows) == len(combinations) + 1
    assert [row[2] for row in rows] == [state_of(row[0], row[1]).value for row in rows]
    assert {row[2] for row in rows} == {state.value for state in SessionState}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("station=ACME-1", True),
        ("station=ACME-2", False),
        ("token=acmeuid", True),
        ("token=other", False),
        ("state=charging", True),
        ("state=settled", False),
        ("state=active", True),
        ("from=2026-11-01T12:00:00Z", True),
        ("from=2026-11-01T12:00:01Z", False),
        ("to=2026-11-01T12:00:00Z", False),
        ("to=2026-11-01T13:00:01%2B01:00", True),
        ("station=ACME-1&token=ACMEUID&state=charging&limit=1", True),
    ],
)
async def test_sessions_are_filtered(
    client: httpx.AsyncClient, acme: Installation, query: str, found: bool
) -> None:
    answer = await client.get(f"/api/v1/sessions?{query}")

    assert answer.status_code == 200, answer.text
    assert [item["id"] for item in answer.json()["items"]] == [str(acme.session)] * found


async def test_a_time_without_a_zone_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/sessions?from=2026-11-01T12:00:00")

    assert answer.status_code == 422


async def test_a_meter_series_is_thinned_and_ends_at_the_last_register(
    client: httpx.AsyncClient, acme: Installation
) -> None:
    path = f"/api/v1/sessions/{acme.session}/meter-series"

    whole = (await client.get(path)).json()["items"]
    thin = (await client.get(f"{path}?points=6")).json()["items"]

    assert len(whole) == 60
    assert len(thin) == 6
    assert sum(point["samples"] for point in thin) == 60
    assert thin[-1]["at"] == whole[-1]["at"]
    assert thin[-1]["register_wh"] == 1_590
    assert thin[-1]["energy_wh"] == 590
    assert [point["energy_wh"] for point in thin] == sorted(point["energy_wh"] for point in thin)


async def test_a_timeline_tells_what_happened(
    client: httpx.AsyncClient, acme: Installation
) -> None:
    events = (await client.get(f"/api/v1/sessions/{acme.session}/timeline")).json()["items"]

    assert [event["kind"] for event in events] == ["started"]


@pytest.mark.parametrize(
    ("path", "body", "action"),
    [
        ("force-end", {}, "force_end"),
        ("waive", {}, "waive"),
        ("resolve", {"action": "settle_anyway"}, "settle_anyway"),
        ("resolve", {"action": "retry"}, "retry"),
    ],
)
async def test_a_decision_is_audited_and_told_to_the_workflow_under_the_entrys_id(
    client: httpx.AsyncClient,
    db_sessions: Sessions,
    acme: Installation,
    path: str,
    body: dict[str, str],
    action: str,
) -> None:
    await raise_attention(db_sessions, acme.session, "quality: energy_above_power")

    answer = await client.post(
        f"/api/v1/sessions/{acme.session}/{path}", json={**body, "reason": "cable was cut"}
    )

    assert answer.status_code == 202, answer.text
    async with db_sessions() as db:
        entry = (await db.scalars(select(AuditEntry))).one()
        told = (
            await db.scalars(select(OutboxRow).where(OutboxRow.name == "operator_decided"))
        ).one()
    assert (entry.action, entry.reason) == (f"session.{action}", "cable was cut")
    assert told.workflow_id == f"session-{acme.session}"
    # Not why: what people write stays out of Temporal.
    assert told.payload == {"event_id": f"audit-{entry.id}", "action": action}
    events = (await client.get(f"/api/v1/sessions/{acme.session}/timeline")).json()["items"]
    assert [(event["kind"], event["details"]) for event in events[1:]] == [
        (f"decided.{action}", {"reason": "cable was cut", "actor": entry.actor})
    ]


async def test_settling_anyway_in_advance_is_refused_and_leaves_no_trace(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    answer = await client.post(
        f"/api/v1/sessions/{acme.session}/resolve",
        json={"action": "settle_anyway", "reason": "whatever it finds"},
    )

    assert answer.status_code == 409, answer.text
    async with db_sessions() as db:
        row = await db.get_one(Session, acme.session)
        entries = list(await db.scalars(select(AuditEntry)))
    assert row.settle_anyway_audit_id is None
    assert entries == []


async def raise_attention(db_sessions: Sessions, session_id: UUID, reason: str) -> None:
    """As the session's workflow does."""
    async with db_sessions.begin() as db:
        (await db.get_one(Session, session_id)).attention = reason


async def test_a_decision_needs_a_reason_and_a_session_that_is_not_over(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    path = f"/api/v1/sessions/{acme.session}/waive"
    without = await client.post(path, json={"reason": "  "})
    await settle(db_sessions, acme.session, "free")

    over = await client.post(path, json={"reason": "too late"})

    assert (without.status_code, over.status_code) == (422, 409)


async def test_a_hold_stores_what_will_be_sent_and_starts_its_workflow(
    client: httpx.AsyncClient, db_sessions: Sessions
) -> None:
    made = await client.post(
        "/api/v1/payments",
        json={"currency": "EUR", "amount_minor": 4000, "payment_method": "pm_card_visa"},
    )

    assert made.status_code == 202, made.text
    payment = made.json()
    assert (payment["state"], payment["asked_minor"]) == ("created", 4000)
    operations = (await client.get(f"/api/v1/payments/{payment['id']}/operations")).json()
    assert [one["operation"] for one in operations["items"]] == ["hold"]
    async with db_sessions() as db:
        row = (await db.scalars(select(OutboxRow))).one()
    assert (row.workflow_id, row.name) == (f"payment-{payment['id']}", "Payment")


@pytest.mark.parametrize(
    "body", [{"currency": "XXX"}, {"currency": "EUR", "amount_minor": 1}, {"amount_minor": 100}]
)
async def test_a_hold_that_cannot_be_is_refused(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    assert (await client.post("/api/v1/payments", json=body)).status_code == 422


async def test_a_decision_on_a_payment_that_is_over_is_a_conflict(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(update(Payment).values(state="released", closed_at=NOW))

    answer = await client.post(
        f"/api/v1/payments/{acme.ids['payment_id']}/decision",
        json={"action": "write_off", "reason": "gone"},
    )

    assert answer.status_code == 409
    log = (await client.get("/api/v1/audit-log")).json()["items"]
    assert log == []


async def test_the_overview_counts_what_is_there(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            update(Payment).values(
                state="captured",
                held_minor=6000,
                captured_minor=1234,
                closed_at=datetime.now(UTC),
            )
        )

    figures = (await client.get("/api/v1/overview")).json()

    assert figures.pop("since").endswith("T00:00:00Z")
    assert figures["prices"].pop("since").endswith("T00:00:00Z")
    assert figures == {
        "stations": 1,
        "stations_online": 0,
        "sessions_active": 1,
        "energy_wh": 2_000,
        "captured": [{"currency": "EUR", "amount_minor": 1234}],
        "attention": 6,
        "drafts_to_review": 0,
        "prices": {"evses": 0, "sessions": 0, "feeds": 1},
    }


async def test_a_quarantined_message_is_read_replayed_and_discarded(
    client: httpx.AsyncClient, acme: Installation
) -> None:
    path = f"/api/v1/quarantine/{acme.ids['message_id']}"
    frame = (await client.get(f"{path}/frame")).json()["text"]

    replay = (await client.post(f"{path}/replay", json={"reason": "fixed"})).json()
    discarded = await client.post(f"{path}/discard", json={"reason": "no use"})
    again = await client.post(f"{path}/replay", json={"reason": "fixed"})

    assert frame.startswith('[2,"q1","StartTransaction"')
    assert (replay["state"], replay["replay_asked"]) == ("open", True)
    assert discarded.json()["state"] == "discarded"
    assert again.status_code == 409


async def test_a_late_fact_is_applied_by_its_own_workflow(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    path = f"/api/v1/late-facts/{acme.ids['fact_id']}/apply"

    answer = await client.post(path, json={"reason": "the meter was read"})

    assert answer.status_code == 202
    async with db_sessions() as db:
        late = OutboxRow.workflow_id == f"late-{acme.session}"
        row = (await db.scalars(select(OutboxRow).where(late))).one()
        entry = (await db.scalars(select(AuditEntry).where(AuditEntry.action.like("late%")))).one()
    assert row.name == "LateTruth"
    assert (entry.action, entry.subject, entry.reason) == (
        "late_fact.apply",
        f"late_fact:{acme.ids['fact_id']}",
        "the meter was read",
    )


async def test_the_messages_of_a_station_are_read_as_they_were(
    client: httpx.AsyncClient, acme: Installation
) -> None:
    items = (await client.get("/api/v1/stations/ACME-1/messages")).json()["items"]

    assert [(item["action"], item["outbound"]) for item in items] == [("Heartbeat", False)]
    assert items[0]["frame"] == '[2,"m1","Heartbeat",{}] ACME'


async def test_a_receipt_is_json_or_a_page_in_the_readers_language(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    path = f"/api/v1/sessions/{acme.session}/receipt"
    early = await client.get(path)
    await settle(db_sessions, acme.session, None)

    german = await client.get(path, headers={"Accept-Language": "de-AT"})
    browser = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
    page = await client.get(f"{path}?lang=fr", headers={"Accept": browser})

    assert early.status_code == 409
    body = german.json()
    assert (body["language"], body["title"], body["total"]) == ("de-AT", "Beleg", "€\u00a01,00")
    assert body["notes"][-1] == "Die Zahlung für diesen Ladevorgang ist noch offen."
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-language"] == "fr"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "<h1>Reçu</h1>" in page.text
