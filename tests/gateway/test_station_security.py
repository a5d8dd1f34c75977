"""What stations ask to have signed, what they log in with, and what the message log keeps of it."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import select, update

from activities.station_certificates import StationCertificates
from gateway.app import GatewayApp
from gateway.credentials import passwords_of
from gateway.guesses import PLACE_BURST, Guesses
from gateway.passwords import pending_password
from gateway.redaction import HIDDEN, redacted, redacted_frame
from gateway.writing.certificates import REQUESTS_A_DAY_MAX
from holdfast.adapters.organization_authority import OrganizationSigner
from holdfast.contracts.station_certificates import CertificateOrder, EndRequest, RequestOrder
from holdfast.services import password_rotations, station_certificates
from holdfast.services.passwords import new_password
from holdfast.services.refusal import Conflict
from holdfast.services.signing_requests import BadRequest, read_signing_request
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import PasswordRotation, Station, StationCertificateRow
from tests.gateway.certificates import csr_pem, swapped_key
from tests.gateway.conftest import Database, Network, connect_station
from tests.gateway.test_admission import basic

BOOT = {"chargePointVendor": "V", "chargePointModel": "M", "chargePointSerialNumber": "SN-1"}
OLD = "the-old-password-20c"


def test_quirk_21_a_csr_that_is_none_is_no_request() -> None:
    small = csr_pem("CP1", rsa.generate_private_key(public_exponent=65537, key_size=1024))  # noqa: S505 - refused
    curve = csr_pem("CP1", ec.generate_private_key(ec.SECP256K1()))
    exponent = csr_pem("CP1", swapped_key())
    for wrong in ("", "no CSR", small, curve, exponent, csr_pem("CP1")[:-80]):
        with pytest.raises(BadRequest):
            read_signing_request(wrong)

    assert read_signing_request(csr_pem("CP1")).common_name == "CP1"
    with pytest.raises(BadRequest, match="exponent"):
        read_signing_request(exponent)


async def test_a_station_that_sends_one_csr_after_the_other_is_refused_in_time(
    gateway: GatewayApp, database: Database, network: Network
) -> None:
    """Each would be a row, a workflow and a signature."""
    async with await connect_station(gateway.port, "CP1") as station:
        await station.call("BootNotification", BOOT)
        answers = [
            (await station.call("SignCertificate", {"csr": csr_pem("SN-1")}))["status"]
            for _ in range(REQUESTS_A_DAY_MAX + 3)
        ]
    kept = await database.row("SELECT count(*) AS n FROM certificate_requests")

    assert answers == ["Accepted"] * REQUESTS_A_DAY_MAX + ["Rejected"] * 3
    assert kept["n"] == REQUESTS_A_DAY_MAX


async def test_a_csr_is_answered_at_once_signed_later_and_sent_as_an_order(
    gateway: GatewayApp,
    settings: Settings,
    database: Database,
    db_sessions: Sessions,
    network: Network,
) -> None:
    steps = StationCertificates(db_sessions, settings, OrganizationSigner(settings.secret_key))
    async with await connect_station(gateway.port, "CP1") as station:
        await station.call("BootNotification", BOOT)
        good = csr_pem("SN-1")
        first = await station.call("SignCertificate", {"csr": good})
        again = await station.call("SignCertificate", {"csr": good})
        junk = await station.call("SignCertificate", {"csr": "nonsense"})
        await station.call(
            "SecurityEventNotification",
            {"type": "TamperDetectionActivated", "timestamp": datetime.now(UTC).isoformat()},
        )
        named = await station.call("SignCertificate", {"csr": csr_pem("SOMEBODY")})
    requests = await database.rows("SELECT id FROM certificate_requests ORDER BY received_at")
    started = await database.rows(
        "SELECT workflow_id FROM outbox WHERE name = 'StationCertificate' ORDER BY id"
    )
    order = RequestOrder(request_id=requests[0]["id"])

    signed = await steps.sign_certificate(order)
    repeated = await steps.sign_certificate(order)
    attempt = CertificateOrder(request_id=order.request_id, attempt=1)
    await steps.send_certificate(attempt)
    sent = await steps.send_certificate(attempt)
    with pytest.raises(Exception, match="common name"):
        await steps.sign_certificate(RequestOrder(request_id=requests[1]["id"]))
    await steps.end_request(EndRequest(request_id=order.request_id, state="installed"))
    async with db_sessions.begin() as db:
        rows = list(await db.scalars(select(StationCertificateRow)))
        rows[0].not_after = datetime.now(UTC) + timedelta(days=3)
    async with db_sessions.begin() as db:
        now = datetime.now(UTC)
        asked = await station_certificates.ask_for_renewals(db, now, 30)
        asked_again = await station_certificates.ask_for_renewals(db, now, 30)
    orders = await database.rows(
        "SELECT kind, payload FROM orders WHERE kind IN ('certificate_signed', 'trigger')"
        " ORDER BY kind"
    )

    statuses = [answer["status"] for answer in (first, again, junk, named)]
    assert statuses == ["Accepted", "Accepted", "Rejected", "Accepted"]
    assert [row["workflow_id"] for row in started] == [f"cert-{row['id']}" for row in requests]
    assert len(requests) == 2
    assert (signed.state, repeated.state, sent.order) == ("signed", "signed", "waiting")
    (leaf, _issuer) = x509.load_pem_x509_certificates(orders[0]["payload"]["chain"].encode())
    assert leaf.subject.rfc4514_string().startswith("CN=SN-1,O=")
    assert len(rows) == 1
    assert (asked, asked_again) == (1, 0)
    (alarm,) = await database.rows("SELECT details FROM review_tasks WHERE kind = 'security_event'")
    assert alarm["details"] == {"station": "CP1", "event": "TamperDetectionActivated"}
    assert [row["kind"] for row in orders] == ["certificate_signed", "trigger"]


async def test_both_passwords_are_good_until_the_station_comes_with_the_new_one(
    gateway: GatewayApp,
    settings: Settings,
    database: Database,
    db_sessions: Sessions,
    network: Network,
    password_hash: Callable[[str], bytes],
) -> None:
    secret = settings.secret_key.get_secret_value()
    async with db_sessions.begin() as db:
        await db.execute(update(Station).values(password_hash=password_hash(OLD)))
    await _rotate(db_sessions, secret, network)
    with pytest.raises(Conflict):
        await _rotate(db_sessions, secret, network)
    new = await pending_password(gateway._pool, secret, network.station_id)

    async with await connect_station(gateway.port, "CP1", password=OLD) as station:
        await station.call("Heartbeat", {})
    pending = await database.row("SELECT pending_password_hash IS NOT NULL AS p FROM stations")
    # A 1.6 station may send the hexadecimal digits that it was given instead of their bytes.
    shown = new.encode().hex().upper()
    async with await connect_station(gateway.port, "CP1", password=shown) as station:
        await station.call("Heartbeat", {})
    after = await database.row("SELECT state, password_sealed FROM password_rotations")
    kept = await database.row(
        "SELECT pending_password_hash, previous_password_hash, password_hash FROM stations"
    )
    told = await database.rows("SELECT payload FROM outbox WHERE name = 'password_seen'")
    everything = str(await database.rows("SELECT payload FROM outbox"))

    assert pending["p"]
    assert (after["state"], after["password_sealed"]) == ("done", None)
    assert kept["password_hash"] == password_hash(new)
    assert kept["pending_password_hash"] is kept["previous_password_hash"] is None
    assert len(told) == 1
    assert new not in everything


async def test_a_failed_rotation_is_decided_by_what_the_station_logs_in_with(
    gateway: GatewayApp,
    settings: Settings,
    database: Database,
    db_sessions: Sessions,
    network: Network,
    password_hash: Callable[[str], bytes],
) -> None:
    secret = settings.secret_key.get_secret_value()
    async with db_sessions.begin() as db:
        await db.execute(update(Station).values(password_hash=password_hash(OLD)))
    await _rotate(db_sessions, secret, network)
    async with db_sessions.begin() as db:
        rotation = await db.scalar(select(PasswordRotation))
        assert rotation is not None
        await password_rotations.end(db, rotation.id, "refused", datetime.now(UTC))
    undecided = await database.row("SELECT pending_password_hash IS NOT NULL AS p FROM stations")

    async with await connect_station(gateway.port, "CP1", password=OLD) as station:
        await station.call("Heartbeat", {})
    decided = await database.row("SELECT pending_password_hash IS NOT NULL AS p FROM stations")
    (task,) = await database.rows("SELECT kind FROM review_tasks")

    assert (undecided["p"], decided["p"]) == (True, False)
    assert task["kind"] == "password_rotation"


async def _rotate(db_sessions: Sessions, secret: str, network: Network) -> None:
    async with db_sessions.begin() as db:
        await password_rotations.begin_rotation(
            db,
            secret,
            network.organization_id,
            "CP1",
            now=datetime.now(UTC),
            days=7,
            reset=False,
            actor="key:test",
        )


def test_a_password_is_read_as_text_as_bytes_and_as_digits() -> None:
    password = new_password()

    assert password in passwords_of(basic(f"CP1:{password}"), "CP1")
    assert password in passwords_of(basic(f"CP1:{password.encode().hex().upper()}"), "CP1")
    assert "AB" * 20 in passwords_of("Basic " + _raw(bytes.fromhex("AB" * 20)), "CP1")


def _raw(password: bytes) -> str:
    return base64.b64encode(b"CP1:" + password).decode()


def test_guessing_at_one_address_uses_up_nobody_elses_attempts() -> None:
    now = [0.0]
    guesses = Guesses(clock=lambda: now[0])
    for _ in range(PLACE_BURST):
        assert guesses.allowed("CP1", "198.51.100.1")
        guesses.failed("CP1", "198.51.100.1")

    assert not guesses.allowed("CP1", "198.51.100.1")
    assert guesses.allowed("CP1", "203.0.113.9")
    assert guesses.allowed("CP2", "198.51.100.1")
    now[0] = 31.0
    assert guesses.allowed("CP1", "198.51.100.1")


@pytest.mark.parametrize(
    ("action", "payload", "kept"),
    [
        (
            "ChangeConfiguration",
            {"key": "AuthorizationKey", "value": "s3cret"},
            {"key": "AuthorizationKey", "value": HIDDEN},
        ),
        (
            "GetConfiguration",
            {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "s"}]},
            {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": HIDDEN}]},
        ),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeValue": "s3cret",
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                    }
                ]
            },
            {
                "setVariableData": [
                    {
                        "attributeValue": HIDDEN,
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                    }
                ]
            },
        ),
        (
            "SetNetworkProfile",
            {"connectionData": {"ocppCsmsUrl": "wss://x", "vpn": {"user": "u", "password": "s"}}},
            {
                "connectionData": {
                    "ocppCsmsUrl": "wss://x",
                    "vpn": {"user": "u", "password": HIDDEN},
                }
            },
        ),
        (
            "GetDiagnostics",
            {"location": "FTP://user:a/b@host/in", "retries": 2},
            {"location": f"FTP://{HIDDEN}@host/in", "retries": 2},
        ),
        (
            "GetLog",
            {"log": {"remoteLocation": "sftp://u:p@h/x"}, "logType": "SecurityLog"},
            {"log": {"remoteLocation": f"sftp://{HIDDEN}@h/x"}, "logType": "SecurityLog"},
        ),
        ("UpdateFirmware", {"location": "https://h/a?b=c@d"}, None),
        (
            "SetNetworkProfile",
            {"connectionData": {"ocppCsmsUrl": "wss://u:p@h/ocpp"}},
            {"connectionData": {"ocppCsmsUrl": f"wss://{HIDDEN}@h/ocpp"}},
        ),
        ("GetConfiguration", {"key": ["AuthorizationKey"]}, {"key": ["AuthorizationKey"]}),
        ("Heartbeat", {"key": "AuthorizationKey", "value": "x"}, None),
    ],
    ids=[
        "1.6 set",
        "1.6 read",
        "2.x set",
        "network",
        "1.6 file",
        "2.x file",
        "no user",
        "network address",
        "1.6 asked",
        "others are left alone",
    ],
)
def test_secrets_do_not_reach_the_message_log(
    action: str, payload: dict[str, Any], kept: dict[str, Any] | None
) -> None:
    frame = orjson.dumps([2, "1", action, payload])

    assert redacted(action, payload) == (payload if kept is None else kept)
    assert orjson.loads(redacted_frame(action, frame))[-1] == (payload if kept is None else kept)
    assert redacted_frame(action, b"[2,") == b"[2,"
