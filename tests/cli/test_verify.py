"""`holdfast verify` on real rows: silent while promises are kept, and precise when one is not."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text, update
from temporalio.client import Client
from typer.testing import CliRunner

from cli.main import app
from cli.verify import running_workflows, settled_report
from holdfast.services.verify import ALWAYS, crossings
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    LateFact,
    Order,
    Organization,
    OutboxRow,
    Payment,
    Session,
    TariffAssignment,
    Token,
)
from tests.activities.rows import Network, account, network, session

HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
async def made(db_sessions: Sessions, organization: UUID) -> Network:
    """A small network of the first organization."""
    return await network(db_sessions, organization)


@pytest.fixture
async def others(db_sessions: Sessions) -> Network:
    """A network of another organization."""
    async with db_sessions.begin() as db:
        row = await db.execute(
            insert(Organization).values(slug="others", name="O").returning(Organization.id)
        )
        other = row.scalar_one()
    return await network(db_sessions, other)


async def broken(settings: Settings) -> dict[str, list[str]]:
    report = await settled_report(settings, quiescent=False)
    assert report["ok"] is (report["broken"] == [])
    assert report["asked"] == len(ALWAYS)
    return {breach["invariant"]: breach["examples"] for breach in report["broken"]}


async def test_rows_in_order_break_no_promise(
    settings: Settings, db_sessions: Sessions, made: Network, others: Network
) -> None:
    for there in (made, others):
        account_id, token_id = await account(db_sessions, there)
        await session(db_sessions, there, account_id=account_id, token_id=token_id)

    assert await broken(settings) == {}


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"meter_start_mwh": 0, "meter_last_mwh": 1_499, "meter_stop_mwh": None}, {1}),
        ({"meter_start_mwh": 0, "meter_last_mwh": 9_000, "meter_stop_mwh": 1_500}, {2}),
        ({"meter_start_mwh": 500, "meter_stop_mwh": 1_000, "meter_offset_mwh": 7_000}, {8}),
        ({"meter_start_mwh": 5_000, "meter_stop_mwh": 1_000}, {0}),
        ({"meter_start_mwh": None, "meter_stop_mwh": 9_000}, {0, 1, 9}),
        ({"meter_start_mwh": 0, "meter_last_mwh": None, "meter_stop_mwh": None}, {0, 7}),
    ],
    ids=[
        "rounded down from the last reading",
        "the end wins, rounded up at the half",
        "carried over a reset",
        "never below nothing",
        "no register at the start: nothing to compare",
        "no reading since: nothing to compare",
    ],
)
async def test_energy_is_compared_with_the_registers_where_they_can_be_asked(
    settings: Settings,
    db_sessions: Sessions,
    made: Network,
    fields: dict[str, Any],
    kept: set[int],
) -> None:
    wrong = {
        energy_wh: str(await session(db_sessions, made, energy_wh=energy_wh, **fields))
        for energy_wh in (0, 1, 2, 7, 8, 9)
    }
    # One transaction has one session; these are of many.
    async with db_sessions.begin() as db:
        await db.execute(update(Session).values(transaction_id=text("id::text")))

    found = set((await broken(settings)).get("energy_from_registers", []))

    compared = fields["meter_start_mwh"] is not None and (
        fields["meter_stop_mwh"] is not None or fields.get("meter_last_mwh") is not None
    )
    expected = {wrong[wh] for wh in wrong if wh not in kept} if compared else set()
    assert found == expected


async def test_a_row_that_refers_to_another_organization_is_found_whatever_the_table(
    settings: Settings, db_sessions: Sessions, made: Network, others: Network
) -> None:
    account_id, _token_id = await account(db_sessions, made)
    session_id = await session(db_sessions, made)
    theirs = others.organization_id
    async with db_sessions.begin() as db:
        tariff = await db.scalar(
            text("SELECT tariff_id FROM tariff_versions WHERE id = :id"),
            {"id": made.tariff_version_id},
        )
        rows: dict[str, tuple[Any, dict[str, Any]]] = {
            "tokens": (Token, {"account_id": account_id, "type": "ISO14443", "uid": "X"}),
            "tariff_assignments": (
                TariffAssignment, {"tariff_id": tariff, "station_id": others.station_id},
            ),
            "late_facts": (
                LateFact, {"session_id": session_id, "outbox_id": 1, "name": "n", "payload": {}},
            ),
            "payments": (
                Payment,
                {"kind": "hold", "account_id": account_id, "currency": "EUR", "asked_minor": 1},
            ),
            "orders": (
                Order,
                {"station_id": others.station_id, "session_id": session_id, "kind": "stop",
                 "payload": {}, "requested_by": "key:1", "not_after": datetime.now(UTC)},
            ),
        }  # fmt: skip
        expected = set()
        for name, (table, values) in rows.items():
            inserted = await db.execute(
                insert(table).values(organization_id=theirs, **values).returning(table.id)
            )
            expected.add(f"{name} {inserted.scalar_one()}")

    assert set((await broken(settings))["organization_crossed"]) == expected


async def test_a_payment_named_by_another_organizations_session_is_found(
    settings: Settings, db_sessions: Sessions, made: Network, others: Network
) -> None:
    async with db_sessions.begin() as db:
        row = await db.execute(
            insert(Payment)
            .values(
                organization_id=others.organization_id,
                kind="hold",
                currency="EUR",
                asked_minor=1,
            )
            .returning(Payment.id)
        )
        payment_id = row.scalar_one()
    session_id = await session(db_sessions, made, payment_id=payment_id)

    assert (await broken(settings))["organization_crossed"] == [f"sessions {session_id}"]


def test_every_table_that_money_or_drivers_depend_on_is_asked() -> None:
    asked = " ".join(crossings())

    for name in (
        "sessions", "settlements", "payments", "tokens", "orders", "evses", "connectors",
        "late_facts", "tariff_assignments", "tariff_versions", "quarantine",
    ):  # fmt: skip
        assert f"FROM {name} a " in asked


def printed(output: str) -> dict[str, Any]:
    """The line of JSON. The runner hears all that this process says meanwhile, also what a page of
    an earlier test logs."""
    (line,) = [line for line in output.splitlines() if line.startswith("{")]
    report: dict[str, Any] = json.loads(line)
    return report


async def test_the_command_prints_one_line_and_fails_when_a_promise_is_broken(
    settings: Settings,
    db_sessions: Sessions,
    organization: UUID,
    tmp_path: Path,
) -> None:
    (tmp_path / "environment.json").write_text(
        json.dumps(
            {
                "HOLDFAST_DATABASE_URL": settings.database_url.get_secret_value(),
                "HOLDFAST_SECRET_KEY": settings.secret_key.get_secret_value(),
            }
        )
    )
    arguments = ["verify", "--state-dir", str(tmp_path)]
    kept = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    async with db_sessions.begin() as db:
        await db.execute(
            insert(OutboxRow).values(
                organization_id=organization,
                lane=0,
                workflow_id=f"session-{uuid4()}",
                operation="signal",
                name="x",
                payload={},
                due_at=HOUR_AGO,
            )
        )
    failed = await asyncio.to_thread(CliRunner().invoke, app, arguments)

    assert (kept.exit_code, failed.exit_code) == (0, 1)
    assert printed(kept.stdout) == {"ok": True, "asked": len(ALWAYS), "broken": []}
    assert [breach["invariant"] for breach in printed(failed.stdout)["broken"]] == ["outbox_unsent"]


async def test_quiescent_also_asks_temporal_and_says_when_it_is_away(settings: Settings) -> None:
    report = await settled_report(settings, quiescent=True)

    assert [breach["invariant"] for breach in report["broken"]] == ["no_running_workflow"]
    assert report["broken"][0]["promise"].startswith("Temporal did not answer")


async def test_a_workflow_that_looks_after_a_price_is_no_work_that_is_left(
    settings: Settings, temporal_server: str, temporal: Client
) -> None:
    there = settings.model_copy(update={"temporal_address": temporal_server})
    before = await running_workflows(there)
    handles = [
        await temporal.start_workflow(name, id=f"{name}-{uuid4()}", task_queue="nobody")
        for name in ("TariffPublication", "StationOrder")
    ]
    try:
        async with asyncio.timeout(30):
            while await running_workflows(there) == before:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)
        assert await running_workflows(there) == before + 1
    finally:
        for handle in handles:
            await handle.terminate()
