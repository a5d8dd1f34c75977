"""Trusted roots, contracts and local lists through the API."""

from datetime import UTC, datetime
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import insert, select, update

from holdfast.adapters.certificate_authority import CertificateAuthority, pem_of
from holdfast.adapters.contract_chain import common_name, verify_chain
from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, Authority, IdempotentWrite, Order, Station
from tests.api.test_stations import make

AUTHORITY = CertificateAuthority.founded("Roaming", "MO", datetime.now(UTC))
ROOT = pem_of(AUTHORITY.root)


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    return await client.post(f"/api/v1{path}", json=body)


async def test_a_root_is_looked_at_before_it_is_trusted(client: httpx.AsyncClient) -> None:
    leaf = AUTHORITY.sign(
        AUTHORITY.root.public_key(),  # type: ignore[arg-type]
        AUTHORITY.root.subject,
        "station",
        now=datetime.now(UTC),
        valid_days=1,
    )
    for wrong in ("no PEM", leaf.pem, ROOT + ROOT, ROOT.replace("CERTIFICATE", "PRIVATE KEY")):
        answer = await post(client, "/trusted-roots", use="mo", certificate=wrong)
        assert answer.status_code == 422
    made = await post(client, "/trusted-roots", use="mo", certificate=ROOT)
    assert made.status_code == 201
    assert made.json()["subject"] == "CN=MO Root,O=Roaming"
    assert (await post(client, "/trusted-roots", use="mo", certificate=ROOT)).status_code == 409

    retired = await post(client, f"/trusted-roots/{made.json()['id']}/retire")
    assert retired.json()["retired_at"] is not None
    assert (await client.get("/api/v1/trusted-roots")).json()["items"] == []
    again = await post(client, "/trusted-roots", use="mo", certificate=ROOT)
    assert again.status_code == 201


async def test_a_trusted_root_is_installed_on_a_station_by_one_request(
    client: httpx.AsyncClient, db_sessions: Sessions
) -> None:
    await make(client)
    made = (await post(client, "/trusted-roots", use="mo", certificate=ROOT)).json()
    path = f"/stations/CP-1/trusted-roots/{made['id']}/install"
    async with db_sessions.begin() as db:
        await db.execute(update(Station).values(protocol="ocpp1.6"))
    too_old = await post(client, path)
    async with db_sessions.begin() as db:
        await db.execute(update(Station).values(protocol="ocpp2.0.1"))
    ordered = await post(client, path)
    await post(client, f"/trusted-roots/{made['id']}/retire")
    retired = await post(client, path)

    assert (too_old.status_code, ordered.status_code, retired.status_code) == (409, 202, 409)
    async with db_sessions() as db:
        order = (await db.scalars(select(Order))).one()
        entry = select(AuditEntry).where(AuditEntry.action == "station.order.install_certificate")
        told = (await db.scalars(entry)).one()
    assert str(order.id) == ordered.json()["order"]
    assert order.payload == {"use": "mo", "certificate": made["certificate"]}
    assert told.details["trusted_root"] == made["id"]


async def test_a_contract_is_issued_found_and_ended_and_its_key_is_shown_once(
    client: httpx.AsyncClient, db_sessions: Sessions
) -> None:
    sent = await client.post(
        "/api/v1/contracts",
        json={"emaid": "de-8aa-1a2b3c4d5", "days": 30},
        headers={"Idempotency-Key": "c1"},
    )
    assert sent.status_code == 201, sent.text
    made = sent.json()
    chain = x509.load_pem_x509_certificates(made["chain"].encode())
    async with db_sessions() as db:
        authority = (await db.scalars(select(Authority))).one()
        kept = (await db.scalars(select(IdempotentWrite.body))).one()
        told = (await db.scalars(select(AuditEntry.details))).all()
    root = x509.load_pem_x509_certificate(authority.root_pem.encode())
    path = verify_chain(chain, [root], datetime.now(UTC))
    key = load_pem_private_key(made["key"].encode(), None)
    assert key.public_key() == path.leaf.public_key()
    assert common_name(path.leaf) == made["emaid"] == "DE8AA1A2B3C4D5"
    assert b"PRIVATE KEY" not in kept
    assert "1A2B3C4D5" not in str(told)

    found = await client.get("/api/v1/contracts", params={"emaid": "DE8AA1A2B3C4D5"})
    assert [item["state"] for item in found.json()["items"]] == ["good"]
    ended = await post(client, f"/contracts/{made['id']}/cancel")
    assert ended.json()["state"] == "cancelled"
    assert (await post(client, f"/contracts/{made['id']}/revoke")).status_code == 409
    assert (await post(client, "/contracts", emaid="no eMAID at all")).status_code == 422


async def test_a_rule_makes_a_list_and_a_narrower_one_counts_before_it(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: Any
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            insert(Station).values(
                organization_id=organization, identity="CP1", registration="accepted"
            )
        )
    place = "/api/v1/stations/CP1/local-list"
    assert (await client.get(place)).json()["state"] == "none"
    await client.put("/api/v1/local-list-rules", json={"rule": "all"})
    seen = (await client.get(place)).json()
    assert (seen["state"], seen["rule"]) == ("pending", "all")
    assert seen["order"] is not None
    await client.put(place, json={"rule": "off"})
    assert (await client.get(place)).json()["rule"] == "off"
    rules = (await client.get("/api/v1/local-list-rules")).json()
    assert [(rule["station"], rule["rule"]) for rule in rules] == [(None, "all"), ("CP1", "off")]
    await client.put(place, json={"rule": None})
    assert (await client.get(place)).json()["rule"] == "all"
    assert [item["station"] for item in (await client.get("/api/v1/local-lists")).json()["items"]]
    assert (await client.post(f"{place}/resync")).status_code == 202


async def test_a_token_takes_its_rules_and_the_organization_a_limit(
    client: httpx.AsyncClient,
) -> None:
    rules = {
        "language": "de",
        "charging_priority": 3,
        "current_type": "DC",
        "concurrent_max": 2,
        "sites": ["00000000-0000-4000-8000-000000000001"],
    }
    made = await post(client, "/tokens", type="ISO14443", uid="CARD1", **rules)
    assert made.status_code == 201, made.text
    assert {name: made.json()[name] for name in rules} == rules
    free = await client.patch(f"/api/v1/tokens/{made.json()['id']}", json={"sites": None})
    assert free.json()["sites"] is None
    changed = await client.patch("/api/v1/organizations/current", json={"token_concurrent_max": 1})
    assert changed.json()["token_concurrent_max"] == 1
