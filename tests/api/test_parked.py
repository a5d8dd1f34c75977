"""Outbox rows that cannot be sent: seen, tried again, dropped, by a person with a reason."""

from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, update

from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, OutboxRow, Session
from tests.api.conftest import Clients
from tests.api.installation import Installation, install

PATH = "/api/v1/outbox"
BECAUSE = {"reason": "the release of today reads it"}


@pytest.fixture
async def acme(db_sessions: Sessions, organization: UUID) -> Installation:
    """A network whose session has a parked row, and says so."""
    installed = await install(db_sessions, organization, "ACME")
    async with db_sessions.begin() as db:
        await db.execute(
            update(Session)
            .where(Session.id == UUID(installed.ids["session_id"]))
            .values(attention="outbox_parked", closed_at=None)
        )
    return installed


async def row_of(sessions: Sessions, installed: Installation) -> tuple[OutboxRow, Session]:
    async with sessions() as db:
        row = await db.get_one(OutboxRow, int(installed.ids["row_id"]))
        session = await db.get_one(Session, UUID(installed.ids["session_id"]))
        return row, session


async def test_parked_rows_are_listed_with_what_they_hold_back(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    row, _ = await row_of(db_sessions, acme)
    async with db_sessions.begin() as db:
        db.add(
            OutboxRow(
                id=row.id + 1,
                organization_id=row.organization_id, lane=row.lane, workflow_id=row.workflow_id,
                operation="signal", name="transaction_ended", payload={},
            )
        )  # fmt: skip

    items = (await client.get(f"{PATH}/parked")).json()["items"]

    assert [(item["id"], item["held_back"]) for item in items] == [(row.id, 1)]
    assert "payload" not in items[0]


async def test_a_row_that_is_tried_again_is_the_relays(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    answer = await client.post(f"{PATH}/{acme.ids['row_id']}/retry", json=BECAUSE)
    again = await client.post(f"{PATH}/{acme.ids['row_id']}/retry", json=BECAUSE)

    row, session = await row_of(db_sessions, acme)
    assert (answer.status_code, again.status_code) == (202, 409)
    assert (row.parked_at, row.sent_at, session.attention) == (None, None, None)


async def test_a_dropped_row_is_never_sent_and_holds_nothing_back(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    answer = await client.post(f"{PATH}/{acme.ids['row_id']}/drop", json=BECAUSE)

    row, session = await row_of(db_sessions, acme)
    assert answer.status_code == 200
    assert row.sent_at is not None
    assert (row.error or "").startswith("dropped by key:")
    assert session.attention is None
    async with db_sessions() as db:
        entry = await db.scalar(select(AuditEntry).where(AuditEntry.action == "outbox.drop"))
    assert entry is not None
    assert (entry.subject, entry.reason) == (f"outbox:{row.id}", BECAUSE["reason"])


async def test_attention_stays_while_another_row_is_parked(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    row, _ = await row_of(db_sessions, acme)
    async with db_sessions.begin() as db:
        db.add(
            OutboxRow(
                organization_id=row.organization_id, lane=row.lane, workflow_id=row.workflow_id,
                operation="signal", name="x", payload={}, parked_at=row.parked_at,
            )
        )  # fmt: skip

    await client.post(f"{PATH}/{row.id}/drop", json=BECAUSE)

    assert (await row_of(db_sessions, acme))[1].attention == "outbox_parked"


async def test_only_who_decides_on_facts_may_touch_them(
    clients: Clients, organization: UUID, acme: Installation
) -> None:
    for role, expected in (("read-only", 403), ("finance", 403), ("operator", 202)):
        async with clients.as_role(organization, role) as someone:
            answer = await someone.post(f"{PATH}/{acme.ids['row_id']}/retry", json=BECAUSE)
            assert answer.status_code == expected, role


async def test_a_number_that_is_none_of_ours_is_refused(client: httpx.AsyncClient) -> None:
    for number, expected in (("999999999", 404), ("0", 422), ("99999999999999999999", 422)):
        answer = await client.post(f"{PATH}/{number}/drop", json=BECAUSE)
        assert answer.status_code == expected, number
