"""A central system that listens on TLS too, and stations with certificates: security profiles."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from activities.station_certificates import StationCertificates
from holdfast.adapters.certificate_authority import (
    CertificateAuthority,
    Issued,
    key_pem,
    new_key,
    subject_name,
)
from holdfast.adapters.organization_authority import OrganizationSigner
from holdfast.contracts.station_certificates import RequestOrder
from holdfast.settings import Settings
from holdfast.store.database import Sessions, open_engine, open_sessions
from simulator.stations.witness import Witness
from tests.conftest import TEST_SECRET
from tests.gateway.certificates import client_context, csr_pem, write_server
from tests.gateway.conformance.conftest import Central, open_central

V201 = "ocpp2.0.1"
PASSWORD = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of stations that exist for a moment
NOW = datetime.now(UTC)


@dataclass
class Secured:
    """The central system, an authority that it trusts for stations, and a folder for keys."""

    central: Central
    folder: Path
    sessions: Sessions
    vendor: CertificateAuthority
    settings: Settings
    _shown: dict[str, tuple[str, ec.EllipticCurvePrivateKey]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Of the TLS port, without the identity."""
        return f"wss://localhost:{self.central.app.tls_port}/ocpp"

    def context(
        self, chain: str | None = None, key: ec.EllipticCurvePrivateKey | None = None
    ) -> ssl.SSLContext:
        """A station's side of TLS; with a chain it shows that certificate."""
        context = client_context()
        if chain is not None and key is not None:
            path = self.folder / "shown.pem"
            path.write_text(chain + key_pem(key))
            context.load_cert_chain(path)
        return context

    def witness(
        self, identity: str, context: ssl.SSLContext | None = None, password: str | None = None
    ) -> Witness:
        """A station on the TLS port."""
        context = context or self.context()
        return Witness(self.url, identity, V201, password=password, ssl=context)

    def by_vendor(
        self,
        name: str,
        organization: str | None = "Acme",
        *,
        authority: CertificateAuthority | None = None,
        days: int = 30,
    ) -> ssl.SSLContext:
        """A station whose certificate the vendor's authority signed, or another."""
        key = new_key()
        issued: Issued = (authority or self.vendor).sign(
            key.public_key(),
            subject_name(name, organization) if organization else subject_name(name),
            "station",
            now=NOW - timedelta(days=60 if days < 0 else 0),
            valid_days=30,
        )
        return self.context(issued.chain_pem, key)

    async def certified(
        self, station: Witness, name: str, *, use: str | None = None
    ) -> tuple[str, ec.EllipticCurvePrivateKey]:
        """The chain that the central system signs for a station that asks over its socket."""
        key = new_key()
        asked = {"csr": csr_pem(name, key)} | ({"certificateType": use} if use else {})
        answer = await station.call("SignCertificate", asked)
        assert answer["status"] == "Accepted"
        row = await self.central.database.row(
            "SELECT r.id FROM certificate_requests r JOIN stations s ON s.id = r.station_id "
            "WHERE s.identity = %s ORDER BY r.received_at DESC LIMIT 1",
            station.identity,
        )
        signer = OrganizationSigner(self.settings.secret_key)
        steps = StationCertificates(self.sessions, self.settings, signer)
        signed = await steps.sign_certificate(RequestOrder(request_id=row["id"]))
        assert signed.state == "signed", signed
        kept = await self.central.database.row(
            "SELECT chain_pem FROM station_certificates WHERE request_id = %s", row["id"]
        )
        trust = self.central.app._port.trust
        assert trust is not None
        await trust.look()
        return kept["chain_pem"], key

    async def events(self, identity: str) -> list[tuple[str, str | None]]:
        """Security events of a station: name and reason."""
        rows = await self.central.database.rows(
            "SELECT e.name, e.details->>'reason' AS why FROM station_events e JOIN stations s "
            "ON s.id = e.station_id WHERE s.identity = %s AND e.kind = 'security'",
            identity,
        )
        return [(row["name"], row["why"]) for row in rows]

    async def handshake(self, context: ssl.SSLContext) -> ssl.SSLObject:
        """A TLS handshake and nothing else. Raises ssl.SSLError, ConnectionError."""
        port = self.central.app.tls_port
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="localhost"
        )
        found: ssl.SSLObject = writer.get_extra_info("ssl_object")
        writer.transport.abort()
        del reader
        return found


@asynccontextmanager
async def open_secured(postgres_url: str, folder: Path) -> AsyncIterator[Secured]:
    """On a database of its own."""
    files = write_server(folder)
    vendor = CertificateAuthority.founded("Vendor", "Stations", NOW)
    trusted = folder / "vendor.pem"
    trusted.write_text(vendor.issuing_chain_pem)
    settings = {
        "gateway_tls_certificate": files.certificate,
        "gateway_tls_key": files.key,
        "gateway_tls_client_ca": str(trusted),
    }
    async with open_central(postgres_url, **settings) as central:
        engine = open_engine(SecretStr(central.database.url))
        yield Secured(
            central,
            folder,
            open_sessions(engine),
            vendor,
            Settings.model_validate(
                {"database_url": central.database.url, "secret_key": TEST_SECRET}
            ),
        )
        await engine.dispose()


async def refused(url: str, identity: str, authorization: str | None = None) -> InvalidStatus:
    """The HTTP answer of an upgrade on the plain port that must not succeed."""
    headers = {"Authorization": authorization} if authorization else {}
    try:
        async with connect(
            f"{url}/{identity}",
            subprotocols=[V201],  # type: ignore[list-item]
            additional_headers=headers,
        ):
            pass
    except InvalidStatus as error:
        return error
    raise AssertionError("the upgrade was not refused")


def basic(user: str, password: str) -> str:
    """The header of HTTP Basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
