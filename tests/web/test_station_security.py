"""The security page of a station: what it shows, who may change it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network

PAGE = "/stations/HAM-01/security"


async def test_the_security_of_a_station_is_shown_and_changed_by_those_who_may(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in()
    page = await browser.page(PAGE)
    blocked = await browser.send(f"{PAGE}/block", blocked="yes", reason="stolen")
    async with db_sessions() as db:
        station = await db.scalar(select(t.Station).where(t.Station.identity == "HAM-01"))
        entry = await db.scalar(select(t.AuditEntry).where(t.AuditEntry.action == "station.block"))
    said = await browser.page(PAGE)
    silent = await browser.page(PAGE)
    reader = await (await sign_in("read-only")).page(PAGE)

    assert "How it proves itself" in page.text
    assert blocked.status_code == 303
    assert station is not None
    assert station.blocked_at is not None
    assert entry is not None
    assert entry.reason == "stolen"
    assert "The station is blocked." in said.text
    assert "The station is blocked." not in silent.text
    assert "Blocked" in reader.text
    assert not list(reader.all("form", action=f"{PAGE}/block"))


async def test_a_profile_goes_up_where_it_can_and_down_only_where_that_is_said(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in()
    await station_is(db_sessions, security_profile=2)

    too_early = await browser.send(f"{PAGE}/profile", profile="3", reason="new certificates")
    lower = await browser.send(f"{PAGE}/profile", profile="1", reason="old station")
    allowed = await browser.send(f"{PAGE}/profile", profile="1", lower="yes", reason="old station")
    wrong = await browser.send(f"{PAGE}/profile", profile="7", reason="why not")

    # It has neither our root nor a certificate: asking for more would lock it out.
    assert [one.status_code for one in (too_early, lower, allowed, wrong)] == [409, 409, 303, 422]
    assert (await the_station(db_sessions)).security_profile == 1
    assert "Profile 1 or higher" in (await browser.page(PAGE)).text
    assert await reasons(db_sessions, "station.security_profile") == ["old station"]


async def test_a_waiting_request_is_approved_once_and_a_certificate_revoked(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in()
    request_id, certificate_id = await asked_and_signed(db_sessions)
    page = await browser.page(PAGE)
    approve = f"{PAGE}/requests/{request_id}/approve"
    revoke = f"{PAGE}/certificates/{certificate_id}/revoke"
    assert {approve, revoke} <= page.actions

    first = await browser.send(approve, reason="known serial number")
    again = await browser.send(approve, reason="known serial number")
    unknown = await browser.send(f"{PAGE}/requests/{uuid4()}/approve", reason="who is it")
    revoked = await browser.send(revoke, reason="key lost")
    page = await browser.page(PAGE)

    assert [one.status_code for one in (first, again, unknown, revoked)] == [303, 409, 404, 303]
    assert revoke not in page.actions
    assert "Revoked" in page.text
    async with db_sessions() as db:
        told = (await db.scalars(select(t.OutboxRow))).one()
    assert (told.workflow_id, told.name) == (f"cert-{request_id}", "request_decided")
    assert await reasons(db_sessions, "certificate_request.approve") == ["known serial number"]
    assert await reasons(db_sessions, "certificate.revoke") == ["key lost"]


async def test_a_password_is_sent_once_at_a_time_and_shown_nowhere(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in()
    await station_is(db_sessions, password_hash=b"old", security_profile=3)
    useless = await browser.send(f"{PAGE}/password")
    await station_is(db_sessions, security_profile=2)

    sent = await browser.send(f"{PAGE}/password", reset="yes")
    again = await browser.send(f"{PAGE}/password")
    page = await browser.page(PAGE)

    assert (useless.status_code, sent.status_code, again.status_code) == (409, 303, 409)
    assert "logs in with its certificate" in useless.text
    assert "The new password is on its way. The old one is good too." in page.text
    async with db_sessions() as db:
        rotation = (await db.scalars(select(t.PasswordRotation))).one()
        started = (await db.scalars(select(t.OutboxRow))).one()
    assert (rotation.reset, rotation.state) == (True, "pending")
    assert started.workflow_id == f"password-{rotation.id}"


async def test_the_list_of_slots_is_filled_in_as_the_station_told_it(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in()
    await station_is(db_sessions, protocol="ocpp1.6")
    assert f"{PAGE}/network" not in (await browser.page(PAGE)).actions
    station = await station_is(db_sessions, protocol="ocpp2.0.1")
    field = {"id": "network-priority"}
    assert (await browser.page(PAGE)).one("input", **field).attributes.get("value") == ""
    async with db_sessions.begin() as db:
        await db.execute(
            insert(t.StationVariable).values(
                organization_id=station.organization_id,
                station_id=station.id,
                component="OCPPCommCtrlr",
                variable="NetworkConfigurationPriority",
                value="1, 2",
                reported_at=datetime.now(UTC),
                source="get",
            )
        )
    told = (await browser.page(PAGE)).one("input", **field).attributes["value"]
    form = {"url": "wss://new.example/ocpp", "security_profile": "2", "reset": "yes"}

    used = await browser.send(f"{PAGE}/network", slot="2", priority=told, **form)
    wrong = await browser.send(f"{PAGE}/network", slot="3", priority=told, **form | {"url": "x"})
    begun = await browser.send(f"{PAGE}/network", slot="3", priority=told, **form)

    assert told == "1,2"
    assert [one.status_code for one in (used, wrong, begun)] == [422, 422, 303]
    assert "Slot 3: The profile is being written" in (await browser.page(PAGE)).text
    async with db_sessions() as db:
        change = (await db.scalars(select(t.NetworkChange))).one()
    assert (change.priority_before, change.profile["url"]) == ("1,2", "wss://new.example/ocpp")


async def test_who_only_reads_changes_nothing_of_a_stations_security(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("read-only")
    request_id, certificate_id = await asked_and_signed(db_sessions)
    await station_is(db_sessions, password_hash=b"old", protocol="ocpp2.0.1")

    page = await browser.page(PAGE)
    paths = (
        "profile",
        "password",
        "certificate",
        "network",
        f"requests/{request_id}/approve",
        f"certificates/{certificate_id}/revoke",
    )
    answers = [await browser.send(f"{PAGE}/{path}", reason="mine") for path in paths]

    assert not [action for action in page.actions if action.startswith(PAGE)]
    assert [one.status_code for one in answers] == [403] * len(paths)


async def station_is(db_sessions: Sessions, **columns: Any) -> t.Station:
    """HAM-01, changed."""
    async with db_sessions.begin() as db:
        found = (await db.scalars(select(t.Station).where(t.Station.identity == "HAM-01"))).one()
        for name, value in columns.items():
            setattr(found, name, value)
    return found


async def the_station(db_sessions: Sessions) -> t.Station:
    """HAM-01 as it is."""
    return await station_is(db_sessions)


async def reasons(db_sessions: Sessions, action: str) -> list[str | None]:
    """Why it was done, as the audit log has it, oldest first."""
    async with db_sessions() as db:
        rows = select(t.AuditEntry).where(t.AuditEntry.action == action).order_by(t.AuditEntry.id)
        return [one.reason for one in await db.scalars(rows)]


async def asked_and_signed(db_sessions: Sessions) -> tuple[UUID, UUID]:
    """A request that waits for a person, and an earlier certificate: their ids."""
    station = await the_station(db_sessions)
    owned = {"organization_id": station.organization_id}
    of_station = owned | {"station_id": station.id, "use": "station"}
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        authority = t.Authority(
            **owned,
            purpose="station",
            root_pem="-",
            issuing_pem="-",
            root_key_sealed=b"-",
            issuing_key_sealed=b"-",
        )
        requests = [t.CertificateRequest(**of_station, csr="-", state="installed")]
        requests.append(t.CertificateRequest(**of_station, csr="-", state="approval"))
        db.add_all([authority, *requests])
        await db.flush()
        certificate = t.StationCertificateRow(
            **of_station,
            authority_id=authority.id,
            request_id=requests[0].id,
            subject="CN=HAM-01",
            serial="4d2",
            fingerprint=b"-",
            chain_pem="-",
            not_before=now,
            not_after=now + timedelta(days=100),
            installed_at=now,
        )
        db.add(certificate)
        await db.flush()
        return requests[1].id, certificate.id


async def test_every_security_event_is_shown_whatever_the_station_said_of_it(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in()
    async with db_sessions.begin() as db:
        station = await db.scalar(select(t.Station).where(t.Station.identity == "HAM-01"))
        assert station is not None
        now = datetime.now(UTC)
        for name, details in (
            ("StartupOfTheDevice", {}),
            ("InvalidTLSVersion", {"reason": "TLS 1.0", "address": "192.0.2.7"}),
        ):
            event = {"kind": "security", "name": name, "details": details, "at": now}
            event |= {"received_at": now, "organization_id": station.organization_id}
            await db.execute(insert(t.StationEvent).values(**event, station_id=station.id))

    page = await browser.page(PAGE)

    assert "StartupOfTheDevice" in page.text
    assert "InvalidTLSVersion, TLS 1.0, from 192.0.2.7" in page.text
