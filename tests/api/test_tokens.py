"""Tokens and accounts: one by one, and many from and to CSV."""

import httpx
import pytest
from sqlalchemy import insert, select

from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, Session, Station, Token

CSV = {"Content-Type": "text/csv"}
TOKEN = {"type": "ISO14443", "uid": "04a1b2c3d4", "status": "accepted"}


async def upload(client: httpx.AsyncClient, text: str, query: str = "") -> httpx.Response:
    return await client.post(f"/api/v1/tokens/import{query}", content=text.encode(), headers=CSV)


async def uids(client: httpx.AsyncClient) -> list[str]:
    items = (await client.get("/api/v1/tokens?limit=500")).json()["items"]
    return sorted(item["uid"] for item in items)


async def test_a_token_needs_no_more_than_type_uid_and_status(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/tokens", json=TOKEN)

    assert answer.status_code == 201
    assert answer.json()["uid"] == "04A1B2C3D4"
    assert answer.json()["status"] == "accepted"


async def test_a_uid_is_the_same_in_any_case(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/tokens", json=TOKEN)

    again = await client.post("/api/v1/tokens", json={**TOKEN, "uid": "04A1B2C3D4"})
    found = (await client.get("/api/v1/tokens?uid=04a1B2c3D4")).json()["items"]

    assert again.status_code == 409
    assert len(found) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("type", "CARRIER_PIGEON"), ("uid", "ä"), ("uid", "x" * 37), ("status", "fine")],
)
async def test_a_token_with_a_wrong_value_is_refused(
    client: httpx.AsyncClient, field: str, value: str
) -> None:
    answer = await client.post("/api/v1/tokens", json={**TOKEN, field: value})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_a_token_changes_only_where_it_is_told(client: httpx.AsyncClient) -> None:
    made = (await client.post("/api/v1/tokens", json={**TOKEN, "note": "blue"})).json()

    changed = await client.patch(f"/api/v1/tokens/{made['id']}", json={"status": "blocked"})

    assert changed.json()["status"] == "blocked"
    assert changed.json()["note"] == "blue"


async def test_a_token_that_charged_is_blocked_and_not_deleted(
    client: httpx.AsyncClient, db_sessions: Sessions
) -> None:
    used = (await client.post("/api/v1/tokens", json=TOKEN)).json()
    fresh = (await client.post("/api/v1/tokens", json={**TOKEN, "uid": "NEW"})).json()
    await client.post("/api/v1/stations", json={"identity": "CP-1"})
    async with db_sessions.begin() as db:
        station = (await db.scalars(select(Station))).one()
        await db.execute(
            insert(Session).values(
                organization_id=station.organization_id,
                station_id=station.id,
                evse=1,
                token_id=used["id"],
            )
        )

    assert (await client.delete(f"/api/v1/tokens/{used['id']}")).status_code == 409
    assert (await client.delete(f"/api/v1/tokens/{fresh['id']}")).status_code == 204
    assert await uids(client) == ["04A1B2C3D4"]


async def test_an_import_creates_updates_and_leaves_alone(client: httpx.AsyncClient) -> None:
    account = (
        await client.post(
            "/api/v1/accounts",
            json={"name": "Fleet", "billing": "invoice", "email": "fleet@drivers.example"},
        )
    ).json()
    await client.post("/api/v1/tokens", json={**TOKEN, "note": "kept"})
    await client.post("/api/v1/tokens", json={**TOKEN, "uid": "SAME"})

    answer = await upload(
        client,
        "\ufeffuid;type;status;account\r\n"
        "04A1B2C3D4;ISO14443;blocked;fleet@drivers.example\r\n"
        "same;ISO14443;accepted;\r\n"
        "\r\n"
        "new1;rfid;;\r\n",
    )

    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["created"], done["updated"], done["unchanged"]) == (1, 1, 1)
    token = (await client.get("/api/v1/tokens?uid=04A1B2C3D4")).json()["items"][0]
    assert (token["status"], token["account"], token["note"]) == ("blocked", account["id"], "kept")
    assert await uids(client) == ["04A1B2C3D4", "NEW1", "SAME"]


async def test_every_mistake_is_named_with_its_line_and_nothing_is_imported(
    client: httpx.AsyncClient,
) -> None:
    answer = await upload(
        client,
        "uid,type,status,valid_until,account\n"
        "GOOD,RFID,accepted,,\n"
        ",RFID,accepted,,\n"
        "A,PIGEON,perhaps,soon,nobody@x\n"
        "good,RFID,accepted,2027-01-31T00:00:00,\n"
        "GOOD,RFID,accepted,,\n"
        "B,RFID\n",
    )

    assert answer.status_code == 422
    assert [(error["line"], error["field"]) for error in answer.json()["errors"]] == [
        (3, "uid"),
        (4, "type"),
        (4, "status"),
        (4, "valid_until"),
        (4, "account"),
        (5, "valid_until"),
        (6, "uid"),
        (7, "line"),
    ]
    assert await uids(client) == []


async def test_a_dry_run_says_what_it_would_do_and_does_nothing(
    client: httpx.AsyncClient,
) -> None:
    await client.post("/api/v1/tokens", json=TOKEN)

    answer = await upload(
        client, "uid,type,status\n04A1B2C3D4,ISO14443,blocked\nNEW,RFID,\n", "?dry_run=true"
    )

    assert answer.json()["dry_run"] is True
    assert (answer.json()["created"], answer.json()["updated"]) == (1, 1)
    assert await uids(client) == ["04A1B2C3D4"]
    listed = (await client.get("/api/v1/tokens")).json()["items"]
    assert [item["status"] for item in listed] == ["accepted"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uid\nA\n",
        "uid,type,colour\n",
        "uid,type,uid\n",
        'uid,type\n"A,RFID\n',
        "uid,type\n\0,\n",
    ],
    ids=["empty", "no type", "unknown column", "column twice", "open quote", "NUL"],
)
async def test_what_is_no_such_file_is_refused_whole(client: httpx.AsyncClient, text: str) -> None:
    assert (await upload(client, text)).status_code == 422


async def test_an_import_is_limited_in_lines_and_in_kind(client: httpx.AsyncClient) -> None:
    lines = "".join(f"T{number},RFID\n" for number in range(20_001))

    assert (await upload(client, f"uid,type\n{lines}")).status_code == 409
    assert (await client.post("/api/v1/tokens/import", json={})).status_code == 415


async def test_an_export_runs_nothing_in_a_spreadsheet_and_can_be_imported_again(
    client: httpx.AsyncClient,
) -> None:
    formula = '=HYPERLINK("http://evil.example","x")'
    await client.post("/api/v1/tokens", json={**TOKEN, "note": formula})
    await client.post("/api/v1/tokens", json={**TOKEN, "uid": "-1+1", "note": "'quoted"})

    exported = (await client.get("/api/v1/tokens/export")).text
    answer = await upload(client, exported)

    cells = [cell for line in exported.splitlines() for cell in line.split(",")]
    assert not any(cell.lstrip('"').startswith(("=", "+", "-", "@")) for cell in cells)
    assert answer.json()["unchanged"] == 2, answer.text
    notes = [item["note"] for item in (await client.get("/api/v1/tokens")).json()["items"]]
    assert notes == [formula, "'quoted"]


async def test_no_uid_gets_into_the_audit_log(
    client: httpx.AsyncClient, db_sessions: Sessions
) -> None:
    made = (await client.post("/api/v1/tokens", json=TOKEN)).json()
    await client.patch(f"/api/v1/tokens/{made['id']}", json={"note": "x"})
    await upload(client, "uid,type\nSECRETUID,RFID\n")

    async with db_sessions() as db:
        entries = (await db.scalars(select(AuditEntry))).all()
        stored = set(await db.scalars(select(Token.uid)))
    told = str([(entry.subject, entry.reason, entry.details) for entry in entries])
    assert len(entries) == 3
    assert not any(uid in told for uid in stored)


async def test_a_card_needs_payments_to_be_configured(client: httpx.AsyncClient) -> None:
    account = (
        await client.post("/api/v1/accounts", json={"name": "Ada", "billing": "card"})
    ).json()

    answer = await client.post(
        f"/api/v1/accounts/{account['id']}/cards", json={"payment_method": "pm_card_visa"}
    )

    assert answer.status_code == 503


async def test_an_account_is_blocked_and_let_go_again(client: httpx.AsyncClient) -> None:
    account = (
        await client.post("/api/v1/accounts", json={"name": "Ada", "billing": "free"})
    ).json()
    path = f"/api/v1/accounts/{account['id']}"

    blocked = (await client.patch(path, json={"blocked": True})).json()
    free = (await client.patch(path, json={"blocked": False})).json()

    assert blocked["blocked_at"] is not None
    assert free["blocked_at"] is None
