"""Who may open a socket: the identity in the path, the password, what an unknown one gets.

All of it happens before the upgrade (systems.md C5), so that a refusal is a plain HTTP answer.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256

from gateway import passwords
from gateway.credentials import TrustedAuthority, passwords_of, wrong_subject
from gateway.guesses import Guesses
from gateway.handshake import Handshake, Profile, Tls
from gateway.postgres import Pool
from gateway.protocols import DIALECTS
from gateway.security_events import EventName, SecurityEvents
from gateway.writing.entry import Peer
from holdfast.services.passwords import matches
from holdfast.settings import Settings

ROOT = "ocpp"
# OCPP 2.0.1 identifierString plus what stations send in fact; 48 is 2.0.1's limit.
_IDENTITY = re.compile(r"[A-Za-z0-9*_=:+|@.~\-]{1,48}", re.ASCII)
PENDING_STATIONS_MAX = 1_000
RETRY_AFTER_S = 10

_STATION = """
SELECT s.id, s.organization_id, s.identity, s.registration, s.retired_at IS NOT NULL,
       s.blocked_at IS NOT NULL, s.subprotocol, s.serial_number, ARRAY[o.name, o.slug],
       s.password_hash, s.previous_password_hash, s.pending_password_hash,
       s.security_profile, s.wanted_security_profile, c.remote_address
FROM stations s JOIN organizations o ON o.id = s.organization_id
LEFT JOIN station_connections c ON c.station_id = s.id
WHERE s.identity = %s
"""
_CERTIFICATE = """
SELECT station_id, revoked_at IS NOT NULL, use FROM station_certificates WHERE fingerprint = %s
"""
_ORGANIZATION = "SELECT id FROM organizations WHERE slug = %s"
_ONLY_ORGANIZATION = "SELECT id FROM organizations ORDER BY id LIMIT 2"
_WAITING = """
SELECT count(*) FROM (
    SELECT 1 FROM stations WHERE organization_id = %s AND registration = 'pending' LIMIT %s
) AS waiting
"""
_ONBOARD = """
INSERT INTO stations (organization_id, identity, registration) VALUES (%s, %s, %s)
ON CONFLICT (identity) DO NOTHING
"""
_RAISE = """
UPDATE stations SET security_profile = wanted_security_profile, wanted_security_profile = NULL,
    changed_at = now()
WHERE id = %s AND wanted_security_profile <= %s
"""


class Refused(Exception):
    """An upgrade that gets an HTTP status instead; `challenge` asks for a password,
    `retry_after_s` counts for 429 and 503."""

    def __init__(
        self, status: int, text: str, *, challenge: bool = False, retry_after_s: int = RETRY_AFTER_S
    ) -> None:
        super().__init__(text)
        self.status = status
        self.challenge = challenge
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Known:
    """A station's record, as far as admission needs it."""

    station_id: UUID
    organization_id: UUID
    identity: str
    registration: str
    retired: bool
    blocked: bool
    subprotocol: str | None
    serial_number: str | None
    organization_names: tuple[str, ...]
    password_hash: bytes | None
    previous_password_hash: bytes | None
    pending_password_hash: bytes | None
    security_profile: int | None
    wanted_security_profile: int | None
    last_address: str | None

    @property
    def least_profile(self) -> int:
        """The security profile that it must use or exceed."""
        if self.security_profile is not None:
            return self.security_profile
        return 0 if self.password_hash is None else 1

    def peer(self, protocol: str, handshake: Handshake) -> Peer:
        """The station as its connection knows it."""
        return Peer(
            station_id=self.station_id,
            organization_id=self.organization_id,
            identity=self.identity,
            registration=self.registration,
            dialect=DIALECTS[protocol],
            certified_names=handshake.common_names,
        )


def identity_of(path: str) -> str | None:
    """The identity in `/ocpp/{identity}`; slashes too many are forgiven, a query is ignored."""
    parts = [part for part in path.partition("?")[0].split("/") if part]
    if len(parts) != 2 or parts[0].lower() != ROOT:
        return None
    identity = unquote(parts[1], errors="replace")
    return identity if _IDENTITY.fullmatch(identity) else None


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who stands at the door, by what can be seen before the upgrade."""

    path: str
    authorization: str | None
    address: str | None = None
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """Admits stations by their records. `authorities` are those of ours that are trusted now."""

    pool: Pool
    settings: Settings
    events: SecurityEvents
    authorities: Callable[[], Sequence[TrustedAuthority]]
    guesses: Guesses

    async def admit(self, arrival: Arrival) -> tuple[Known, Handshake]:
        """The station's record, and what it proved. Raises Refused: 404, 401, 403, 429; and
        whatever the pool raises."""
        identity = identity_of(arrival.path)
        if identity is None:
            raise Refused(404, "the path is /ocpp/{identity}")
        known = await self._find(identity)
        if known is None:
            known = await self._onboard(identity)
        profile = await self._proven(known, arrival)
        if known.retired or known.blocked:
            raise Refused(403, f"this station is {'retired' if known.retired else 'blocked'}")
        wanted = known.wanted_security_profile
        if wanted is not None and profile >= wanted:
            async with self.pool.connection() as connection:
                await connection.execute(_RAISE, (known.station_id, profile))
        return known, Handshake.of(profile, arrival.tls)

    async def _proven(self, known: Known, arrival: Arrival) -> Profile:
        """The security profile that it came with. Raises Refused where that is not enough."""
        tls, least = arrival.tls, known.least_profile
        if tls is None and least >= 2:
            # Without a challenge: it would be asked to send its password in clear (systems.md C5).
            await self._event(known, "FailedToAuthenticateAtCsms", "came without TLS", arrival)
            raise Refused(401, "this station must use TLS")
        if tls is not None and tls.certificate is not None:
            wrong = await self._wrong_certificate(known, tls)
            if wrong is None:
                return 3
            await self._event(known, "InvalidChargingStationCertificate", wrong, arrival)
            raise Refused(403, "the certificate is not this station's")
        if least >= 3:
            await self._event(
                known, "FailedToAuthenticateAtCsms", "came without a certificate", arrival
            )
            raise Refused(401, "this station must show its certificate")
        if known.password_hash is None:
            if least >= 1:
                raise Refused(403, "this station has no password yet")
            return 0
        await self._check_password(known, arrival)
        return 1 if tls is None else 2

    async def _check_password(self, known: Known, arrival: Arrival) -> None:
        familiar = arrival.address is not None and arrival.address == known.last_address
        if not familiar and not self.guesses.allowed(known.identity, arrival.address):
            raise Refused(429, "too many wrong passwords; wait a minute")
        shown = passwords_of(arrival.authorization, known.identity)
        secret = self.settings.secret_key.get_secret_value()
        # All are compared, always: which of them it was must not show in the time taken.
        stored = (known.password_hash, known.previous_password_hash, known.pending_password_hash)
        current, previous, pending = [
            any([matches(secret, password, one) for password in shown]) for one in stored
        ]
        if not (current or previous or pending):
            # Some stations send a password only once they were asked for it (systems.md E12).
            if shown:
                self.guesses.failed(known.identity, arrival.address)
                await self._event(
                    known, "FailedToAuthenticateAtCsms", "the password is wrong", arrival
                )
            raise Refused(401, "the password is missing or wrong", challenge=True)
        if pending:
            await passwords.take_pending(self.pool, known.station_id, known.pending_password_hash)
        elif current:
            if known.previous_password_hash is not None:
                await passwords.forget_previous(self.pool, known.station_id, known.password_hash)
            if known.pending_password_hash is not None:
                await passwords.keep_current(self.pool, known.station_id)

    async def _wrong_certificate(self, known: Known, tls: Tls) -> str | None:
        """Why its certificate does not prove who it is; None where it does."""
        assert tls.certificate is not None  # noqa: S101 - asked of one that has it
        async with self.pool.connection() as connection:
            fingerprint = tls.certificate.fingerprint(SHA256())
            row = await (await connection.execute(_CERTIFICATE, (fingerprint,))).fetchone()
        if row is None:
            return wrong_subject(tls.certificate, known, self.authorities())
        station_id, revoked, use = row
        if station_id != known.station_id:
            return "issued to another station"
        if revoked:
            return "revoked"
        return None if use == "station" else "issued for another use"

    async def _event(self, known: Known, name: EventName, reason: str, arrival: Arrival) -> None:
        await self.events.station(
            known.organization_id, known.station_id, name, reason, arrival.address
        )

    async def _find(self, identity: str) -> Known | None:
        async with self.pool.connection() as connection:
            row = await (await connection.execute(_STATION, (identity,))).fetchone()
        if row is None:
            return None
        values: list[Any] = [tuple(one) if isinstance(one, list) else one for one in row]
        return Known(*values)

    async def _onboard(self, identity: str) -> Known:
        if self.settings.onboarding == "reject":
            raise Refused(404, "this station is not known")
        async with self.pool.connection() as connection:
            slug = self.settings.onboarding_organization
            cursor = await (
                connection.execute(_ORGANIZATION, (slug,))
                if slug is not None
                else connection.execute(_ONLY_ORGANIZATION)
            )
            organizations = await cursor.fetchall()
            if len(organizations) != 1:
                raise Refused(404, "no organization is named for unknown stations")
            organization_id = organizations[0][0]
            registration = "accepted" if self.settings.onboarding == "accept" else "pending"
            if registration == "pending":
                # Names are free to invent: somebody could fill the table with them.
                cursor = await connection.execute(_WAITING, (organization_id, PENDING_STATIONS_MAX))
                row = await cursor.fetchone()
                if row is not None and row[0] >= PENDING_STATIONS_MAX:
                    raise Refused(404, "too many unknown stations wait already")
            await connection.execute(_ONBOARD, (organization_id, identity, registration))
        known = await self._find(identity)
        if known is None:
            raise Refused(404, "this station is not known")
        return known
