"""Whose station certificates are good now: our authorities by their rows, and files that change."""

import asyncio
from collections.abc import Sequence

import structlog
from cryptography import x509

from gateway.credentials import TrustedAuthority
from gateway.postgres import Pool
from gateway.tls import ServerTls

logger = structlog.get_logger()

# A station comes with its new certificate no sooner than 5 s after we signed it (systems.md C6), so
# a first one's authority is known by then.
LOOK_S = 2.0
AUTHORITIES_MAX = 1_000

_AUTHORITIES = """
SELECT organization_id, issuing_pem, root_pem FROM authorities WHERE purpose = 'station'
ORDER BY id LIMIT %s
"""


class Trust:
    """Looks again and again, and has the listener take what changed."""

    def __init__(self, pool: Pool, tls: ServerTls) -> None:
        self._pool = pool
        self._tls = tls
        self._known: tuple[TrustedAuthority, ...] = ()
        self._rows: list[tuple[object, str, str]] = []
        self._now = asyncio.Event()
        self._force = False

    def authorities(self) -> Sequence[TrustedAuthority]:
        """The issuing authorities of ours."""
        return self._known

    def reload(self) -> None:
        """Read files and rows again at once (SIGHUP), also where nothing seems to have changed."""
        self._force = True
        self._now.set()

    async def keep(self) -> None:
        """For ever."""
        while True:
            self._now.clear()
            try:
                await self.look()
            except Exception as error:
                logger.warning("trust_not_read", error=type(error).__name__)
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._now.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Once. Raises what the pool raises."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_AUTHORITIES, (AUTHORITIES_MAX,))
            rows = [(row[0], str(row[1]), str(row[2])) for row in await cursor.fetchall()]
        if rows != self._rows:
            self._known = tuple(
                TrustedAuthority(row[0], x509.load_pem_x509_certificate(row[1].encode()))
                for row in rows
            )
            self._rows = list(rows)
        force, self._force = self._force, False
        trusted = [pem for _, issuing, root in rows for pem in (issuing, root)]
        if self._tls.reload(trusted, force=force):
            logger.info("tls_reloaded", authorities=len(rows))
