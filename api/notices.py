"""Hears "something changed" from Postgres, once per process, and passes it on to whoever waits."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import psycopg
import structlog
from pydantic import SecretStr

from holdfast.contracts.names import NOTIFY_CHANNEL

TOPICS = frozenset(
    {
        "sessions",
        "stations",
        "orders",
        "payments",
        "frames",
        "outbox",
        "variables",
        "local_lists",
        "tariffs",
        "simulations",
    }
)
SUBSCRIBERS_MAX = 2_000
ALIVE_EVERY_S = 20.0
RECONNECT_MAX_S = 5.0

log = structlog.get_logger()


class TooManySubscribers(Exception):
    """This process already has as many listeners as it may."""


class Subscription:
    """The topics that changed since the last look: a set, so that nothing ever piles up."""

    def __init__(self) -> None:
        self._changed: set[str] = set()
        self._news = asyncio.Event()

    def tell(self, topics: frozenset[str]) -> None:
        """Something changed."""
        self._changed |= topics
        self._news.set()

    async def wait(self, timeout_s: float) -> frozenset[str]:
        """What changed, as soon as something did; nothing after the time is up."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return frozenset()
        changed, self._changed = frozenset(self._changed), set()
        self._news.clear()
        return changed


class Notices:
    """One LISTEN connection. After each (re)connection everything counts as changed."""

    def __init__(self, database_url: SecretStr) -> None:
        self._database_url = database_url
        self._subscriptions: set[Subscription] = set()
        self.connected = False

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """Hear from now on. Raises TooManySubscribers."""
        if len(self._subscriptions) >= SUBSCRIBERS_MAX:
            raise TooManySubscribers
        subscription = Subscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    async def run(self) -> None:
        """Until cancelled: listen, and connect again whatever happens to Postgres."""
        pause_s = 0.2
        while True:
            try:
                async with self._listening() as connection:
                    pause_s = 0.2
                    self._pass_on(TOPICS)
                    await self._hear(connection)
            except (psycopg.Error, OSError) as error:
                log.warning("not listening to the database", kind=type(error).__name__)
            self.connected = False
            await asyncio.sleep(pause_s)
            pause_s = min(RECONNECT_MAX_S, pause_s * 2)

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[psycopg.AsyncConnection]:
        connection = await psycopg.AsyncConnection.connect(
            self._database_url.get_secret_value(), autocommit=True, connect_timeout=5
        )
        async with connection:
            await connection.execute(f"LISTEN {NOTIFY_CHANNEL}")
            self.connected = True
            yield connection

    async def _hear(self, connection: psycopg.AsyncConnection) -> None:
        while True:
            async for notice in connection.notifies(timeout=ALIVE_EVERY_S):
                self._pass_on(frozenset(notice.payload.split()) & TOPICS)
            # A peer that vanished without a word is noticed by asking.
            await connection.execute("SELECT 1")

    def _pass_on(self, topics: frozenset[str]) -> None:
        if topics:
            for subscription in self._subscriptions:
                subscription.tell(topics)
