"""Forms: only from our pages, only by those who may, always with a reason and in the audit log."""

import httpx
import pytest
from sqlalchemy import func, select, update

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import HOST, SignIn
from tests.web.network import Network
from web.viewer import COOKIE

UNLOCK = {"evse": "1", "connector": "1", "patience": "120"}


async def count(db_sessions: Sessions, table: type[t.Table]) -> int:
    async with db_sessions() as db:
        return int(await db.scalar(select(func.count()).select_from(table)) or 0)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": HOST, "Sec-Fetch-Site": "cross-site"},
        {"Origin": HOST, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=["no origin", "foreign", "opaque", "cross site", "same site", "typed"],
)
async def test_a_form_from_elsewhere_changes_nothing(
    headers: dict[str, str], sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in()
    front = await browser.page("/")
    token = next(front.all("input", name="form_token")).attributes["value"]

    answer = await browser.client.post(
        "/stations/HAM-01/commands/unlock", data=UNLOCK | {"form_token": token}, headers=headers
    )

    assert answer.status_code == 403
    assert await count(db_sessions, t.Order) == 0


async def test_a_form_needs_the_token_of_its_own_sign_in(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser, other = await sign_in(), await sign_in()
    front = await other.page("/")
    token = next(front.all("input", name="form_token")).attributes["value"]

    foreign = await browser.client.post(
        "/stations/HAM-01/commands/unlock",
        data=UNLOCK | {"form_token": token},
        headers={"Origin": HOST},
    )
    missing = await browser.client.post(
        "/stations/HAM-01/commands/unlock", data=UNLOCK, headers={"Origin": HOST}
    )

    assert (foreign.status_code, missing.status_code) == (403, 403)
    assert await count(db_sessions, t.Order) == 0


@pytest.mark.parametrize(
    ("command", "fields", "payload"),
    [
        ("unlock", {"evse": "1", "connector": "2"}, {"evse": 1, "connector": 2}),
        ("reset", {"type": "soft"}, {"type": "soft"}),
        (
            "availability",
            {"evse": "0", "connector": "", "operative": "no"},
            {"evse": 0, "connector": None, "operative": False},
        ),
        (
            "trigger",
            {"message": "MeterValues", "evse": "1"},
            {"message": "MeterValues", "evse": 1},
        ),
    ],
)
async def test_a_command_is_an_order_with_its_workflow_and_its_audit_entry(
    command: str,
    fields: dict[str, str],
    payload: dict[str, object],
    sign_in: SignIn,
    network: Network,
    db_sessions: Sessions,
) -> None:
    browser = await sign_in("operator")

    answer = await browser.send(f"/stations/HAM-01/commands/{command}", patience="120", **fields)

    assert answer.status_code == 303
    async with db_sessions() as db:
        order = (await db.scalars(select(t.Order))).one()
        told = (await db.scalars(select(t.OutboxRow))).one()
        entry = (
            await db.scalars(
                select(t.AuditEntry).where(t.AuditEntry.action == f"station.order.{command}")
            )
        ).one()
    assert (order.kind, order.payload, order.state) == (command, payload, "waiting")
    assert told.workflow_id == f"order-{order.id}"
    assert (entry.actor, entry.subject) == (f"key:{browser.key_id}", "station:HAM-01")
    page = await browser.page(answer.headers["location"].split("#")[0])
    assert "Waiting" in page.one("tr", class_="fresh").text


async def test_a_session_is_stopped_and_another_started(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("operator")

    stopped = await browser.send(
        "/stations/HAM-01/commands/stop", session=str(network.running), patience="120"
    )
    started = await browser.send(
        "/stations/HAM-05/commands/start",
        **{"evse": "1", "token": "HAM04A1B2C3", "patience": "120"},
    )

    assert (stopped.status_code, started.status_code) == (303, 303)
    async with db_sessions() as db:
        orders = {order.kind: order for order in await db.scalars(select(t.Order))}
    assert orders["stop"].payload == {"transaction_id": "7001"}
    assert orders["stop"].session_id == network.running
    assert orders["start"].session_id is not None


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/stations/HAM-01/commands/unlock", {"evse": "0", "connector": "1"}, 422),
        ("/stations/HAM-01/commands/unlock", {"evse": "\u0661", "connector": "1"}, 422),
        ("/stations/HAM-01/commands/reset", {"type": "violent"}, 422),
        ("/stations/HAM-01/commands/explode", {}, 404),
        ("/stations/NOPE/commands/reset", {"type": "soft"}, 404),
        ("/stations/HAM-02/commands/stop", {"session": "x"}, 422),
        ("/stations/HAM-05/commands/start", {"evse": "1", "token": "STRANGER"}, 422),
        *(
            ("/stations/HAM-05/commands/start", {"evse": "1", "token": "HAM04A1B2C3", **bad}, 422)
            for bad in (
                {"limit_kwh": "a lot"},
                {"limit_kwh": "0"},
                {"limit_kwh": "501"},
                {"limit_minutes": "-1"},
                {"limit_cost": "1e9"},
            )
        ),
    ],
)
async def test_a_command_that_cannot_be_is_refused_in_words(
    path: str,
    fields: dict[str, str],
    status: int,
    sign_in: SignIn,
    network: Network,
    db_sessions: Sessions,
) -> None:
    browser = await sign_in()

    answer = await browser.send(path, **{"patience": "120", **fields})

    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert await count(db_sessions, t.Order) == 0


@pytest.mark.parametrize(
    ("path", "fields", "action"),
    [
        ("force-end", {}, "force_end"),
        ("waive", {}, "waive"),
        ("resolve", {"resolution": "settle_anyway"}, "settle_anyway"),
    ],
)
async def test_a_decision_tells_the_workflow_and_says_why(
    path: str,
    fields: dict[str, str],
    action: str,
    sign_in: SignIn,
    network: Network,
    db_sessions: Sessions,
) -> None:
    browser = await sign_in("operator")
    async with db_sessions.begin() as db:
        await db.execute(
            update(t.Session)
            .where(t.Session.id == network.troubled)
            .values(attention="quality: energy_above_power")
        )

    answer = await browser.send(
        f"/sessions/{network.troubled}/{path}", reason="the cable was cut", **fields
    )

    assert answer.status_code == 303
    async with db_sessions() as db:
        told = (await db.scalars(select(t.OutboxRow))).one()
        entry = (
            await db.scalars(select(t.AuditEntry).where(t.AuditEntry.action == f"session.{action}"))
        ).one()
    assert told.workflow_id == f"session-{network.troubled}"
    assert told.payload["action"] == action
    assert (entry.reason, entry.actor) == ("the cable was cut", f"key:{browser.key_id}")
    page = await browser.page(answer.headers["location"])
    assert "workflow was told" in page.text


async def test_a_decision_without_a_reason_is_refused(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in()

    answer = await browser.send(f"/sessions/{network.troubled}/waive", reason="  ")

    assert answer.status_code == 422
    assert await count(db_sessions, t.OutboxRow) == 0


async def test_a_session_that_is_over_cannot_be_waived(sign_in: SignIn, network: Network) -> None:
    browser = await sign_in()

    answer = await browser.send(f"/sessions/{network.settled}/waive", reason="too late")

    assert answer.status_code == 409
    assert "The session is over" in answer.text


async def test_quarantined_messages_late_facts_and_reviews_are_decided(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("operator")

    for path in (
        f"/attention/quarantine/{network.quarantined}/discard",
        f"/attention/late-facts/{network.late}/discard",
        f"/attention/review-tasks/{network.review}/resolve",
    ):
        answer = await browser.send(path, reason="looked into it")
        assert answer.status_code == 303, answer.text

    async with db_sessions() as db:
        quarantined = await db.get_one(t.Quarantined, network.quarantined)
        late = await db.get_one(t.LateFact, network.late)
        review = await db.get_one(t.ReviewTask, network.review)
    assert (quarantined.state, late.state) == ("discarded", "discarded")
    assert review.resolved_by == f"key:{browser.key_id}"
    page = await browser.page("/audit")
    assert page.text.count("looked into it") == 3


async def test_a_declined_payment_is_tried_again_with_a_reason(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("finance")

    unknown = await browser.send(f"/payments/{network.declined}/decide", reason="why not")
    answer = await browser.send(
        f"/payments/{network.declined}/decide", reason="a new card", decision="retry"
    )

    assert (unknown.status_code, answer.status_code) == (422, 303)
    async with db_sessions() as db:
        told = (await db.scalars(select(t.OutboxRow))).one()
        entry = (
            await db.scalars(select(t.AuditEntry).where(t.AuditEntry.action == "payment.retry"))
        ).one()
    assert told.workflow_id == f"payment-{network.declined}"
    assert told.payload["event_id"] == f"audit-{entry.id}"


FORMS = (
    ("/stations/HAM-01/commands/unlock", "COMMAND"),
    ("/sessions/{running}/stop", "COMMAND"),
    ("/sessions/{running}/force-end", "DECIDE"),
    ("/sessions/{running}/waive", "DECIDE"),
    ("/sessions/{running}/resolve", "DECIDE"),
    ("/payments/{declined}/decide", "PAYMENTS"),
    ("/attention/quarantine/{quarantined}/discard", "FACTS"),
    ("/attention/late-facts/{late}/discard", "FACTS"),
    ("/attention/review-tasks/{review}/resolve", "DECIDE"),
)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("read-only", set()),
        ("support", {"COMMAND"}),
        ("finance", {"DECIDE", "PAYMENTS"}),
        ("operator", {"COMMAND", "DECIDE", "FACTS"}),
    ],
)
async def test_a_role_sees_and_may_send_the_same_forms(
    role: str, allowed: set[str], sign_in: SignIn, network: Network
) -> None:
    browser = await sign_in(role)
    seen: set[str] = set()
    for path in ("/stations/HAM-01", f"/sessions/{network.running}", "/attention"):
        seen |= (await browser.page(path)).actions - {"/sign-out"}

    for form, permission in FORMS:
        path = form.format_map(vars(network))
        answer = await browser.send(path, reason="")
        if permission not in allowed:
            assert answer.status_code == 403
            assert path not in seen
        else:
            assert answer.status_code != 403
    assert bool(seen) == bool(allowed)


async def test_a_form_that_is_too_large_is_refused(sign_in: SignIn, network: Network) -> None:
    browser = await sign_in()

    answer = await browser.send(f"/sessions/{network.troubled}/waive", reason="x" * 100_000)

    assert answer.status_code == 413


async def test_signing_out_forgets_the_cookie(sign_in: SignIn) -> None:
    browser = await sign_in()

    answer = await browser.send("/sign-out")

    assert answer.headers["location"] == "/sign-in"
    assert COOKIE not in browser.client.cookies


async def test_every_answer_carries_the_policy_and_no_page_is_cached(
    sign_in: SignIn, network: Network, client: httpx.AsyncClient
) -> None:
    browser = await sign_in()

    for answer in (
        await browser.client.get("/"),
        await browser.client.get("/stations/NOPE"),
        await client.get("/sign-in"),
        await client.post("/sign-in"),
    ):
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


async def test_a_script_that_sends_a_form_is_told_where_to_go_and_a_refusal_names_the_field(
    sign_in: SignIn, network: Network
) -> None:
    browser = await sign_in()
    front = await browser.page("/")
    fields = {"form_token": next(front.all("input", name="form_token")).attributes["value"]}
    fields |= {"vendor": "Acme*", "quirk": "no_pings"}
    headers = {"Origin": HOST, "X-In-Place": "1"}

    refused = await browser.client.post(
        "/quirks", data=fields | {"quirk": "not_there"}, headers=headers
    )
    accepted = await browser.client.post("/quirks", data=fields, headers=headers)

    assert refused.status_code == 422
    assert "Quirk is &#39;not_there&#39;: choose one of the list." in refused.text
    assert (accepted.status_code, accepted.headers["X-Go-To"]) == (204, "/quirks")
    assert "The rule was added." in (await browser.page("/quirks")).text
