"""Who may open a socket: the identity in the path, the password, what an unknown one gets.

All of it happens before the upgrade (systems.md C5), so that a refusal is a plain HTTP answer.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote
from uuid import UUID

from gateway.postgres import Pool
from gateway.protocols import DIALECTS
from gateway.writing.entry import Peer
from holdfast.services.passwords import matches
from holdfast.settings import Settings

ROOT = "ocpp"
# OCPP 2.0.1 identifierString plus what stations send in fact; 48 is 2.0.1's limit.
_IDENTITY = re.compile(r"[A-Za-z0-9*_=:+|@.~\-]{1,48}", re.ASCII)
PENDING_STATIONS_MAX = 1_000
AUTHORIZATION_LENGTH_MAX = 1_024

_STATION = """
SELECT id, organization_id, identity, registration, retired_at IS NOT NULL, subprotocol,
       password_hash, previous_password_hash
FROM stations WHERE identity = %s
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
# Not if the password was rotated once more meanwhile.
_FORGET_PREVIOUS = """
UPDATE stations SET previous_password_hash = NULL WHERE id = %s AND password_hash = %s
"""


class Refused(Exception):
    """An upgrade that gets an HTTP status instead; `challenge` asks for a password."""

    def __init__(self, status: int, text: str, *, challenge: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.challenge = challenge


@dataclass(frozen=True, slots=True)
class Known:
    """A station's record, as far as admission needs it."""

    station_id: UUID
    organization_id: UUID
    identity: str
    registration: str
    retired: bool
    subprotocol: str | None
    password_hash: bytes | None
    previous_password_hash: bytes | None

    def peer(self, protocol: str) -> Peer:
        """The station as its connection knows it."""
        return Peer(
            station_id=self.station_id,
            organization_id=self.organization_id,
            identity=self.identity,
            registration=self.registration,
            dialect=DIALECTS[protocol],
        )


def identity_of(path: str) -> str | None:
    """The identity in `/ocpp/{identity}`; slashes too many are forgiven, a query is ignored."""
    parts = [part for part in path.partition("?")[0].split("/") if part]
    if len(parts) != 2 or parts[0].lower() != ROOT:
        return None
    identity = unquote(parts[1], errors="replace")
    return identity if _IDENTITY.fullmatch(identity) else None


def password_of(authorization: str | None, identity: str) -> str | None:
    """The password of a Basic header whose user is this identity, which may hold a colon. Ours are
    ASCII, so bytes that are no text cannot be one."""
    if authorization is None or len(authorization) > AUTHORIZATION_LENGTH_MAX:
        return None
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user = identity.encode() + b":"
    if decoded[: len(user)].lower() != user.lower():
        return None
    try:
        return decoded[len(user) :].decode()
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True, slots=True)
class Admission:
    """Admits stations by their records."""

    pool: Pool
    settings: Settings

    async def admit(self, path: str, authorization: str | None) -> Known:
        """The station's record. Raises Refused: 404, 401, 403; and whatever the pool raises."""
        identity = identity_of(path)
        if identity is None:
            raise Refused(404, "the path is /ocpp/{identity}")
        known = await self._find(identity)
        if known is None:
            known = await self._onboard(identity)
        if known.password_hash is not None:
            password = password_of(authorization, identity)
            secret = self.settings.secret_key.get_secret_value()
            # Both are compared, always: which of the two it was must not show in the time taken.
            stored = (known.password_hash, known.previous_password_hash)
            current, previous = [
                password is not None and matches(secret, password, one) for one in stored
            ]
            if not (current or previous):
                raise Refused(401, "the password is missing or wrong", challenge=True)
            if current and known.previous_password_hash is not None:
                await self._forget_previous(known)
        if known.retired:
            raise Refused(403, "this station is retired")
        return known

    async def _forget_previous(self, known: Known) -> None:
        """The station has the new password: the one before it is good no longer."""
        async with self.pool.connection() as connection:
            await connection.execute(_FORGET_PREVIOUS, (known.station_id, known.password_hash))

    async def _find(self, identity: str) -> Known | None:
        async with self.pool.connection() as connection:
            row = await (await connection.execute(_STATION, (identity,))).fetchone()
        return Known(*row) if row is not None else None

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
