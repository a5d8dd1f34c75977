"""Live fragments: read once per notice, rendered once, the same bytes to everybody who looks.

A feed is one fragment for one organization and one filter. It is read again when one of its topics
changed (at most twice a second), and every ten seconds whatever happens, because a lease can run
out without a notice. A subscriber has a queue of two: a slow browser loses old frames and never
holds up the others.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field

import structlog
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from web.listening import EVERYTHING, Changes, Ears, Listener, Overhearer

log = structlog.get_logger()

QUEUE_LENGTH = 2
READ_INTERVAL_S_MIN = 0.5
READ_INTERVAL_S_MAX = 10.0
COMMENT_S = 15.0
LIFETIME_S = 600.0
SUBSCRIBERS_MAX = 2_000
READS_AT_ONCE = 3  # of a pool that the requests use too

COMMENT = b": still here\n\n"
_AGE = re.compile(r"(<time[^>]*>)[^<]*")

Read = Callable[[], Awaitable[str]]
StillAllowed = Callable[[], Awaitable[bool]]


class TooManySubscribers(Exception):
    """This process streams to as many browsers as it may."""


@dataclass(eq=False, slots=True)
class Subscriber:
    """One browser's stream."""

    queue: asyncio.Queue[bytes]
    seen: str | None = None

    def offer(self, fingerprint: str, frame: bytes) -> None:
        """Queue a frame that differs from the last; the oldest gives way."""
        if fingerprint == self.seen:
            return
        self.seen = fingerprint
        if self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(frame)


@dataclass(eq=False, slots=True)
class Feed:
    """A fragment and who looks at it."""

    topics: frozenset[str]
    read: Read
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    subscribers: set[Subscriber] = field(default_factory=set)
    task: asyncio.Task[None] | None = None


class Live:
    """All feeds of this process, and the one connection that tells them of changes."""

    def __init__(
        self,
        database_url: SecretStr,
        *,
        changes: Changes | None = None,
        comment_s: float = COMMENT_S,
    ) -> None:
        self._comment_s = comment_s
        self._ears: Ears
        if changes is None:
            self._ears = Listener(database_url, self._notice)
        else:
            self._ears = Overhearer(changes, self._notice)
        self._feeds: dict[Hashable, Feed] = {}
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._closed = asyncio.Event()

    @property
    def subscribers(self) -> int:
        """How many browsers are connected."""
        return sum(len(feed.subscribers) for feed in self._feeds.values())

    async def stream(
        self, key: Hashable, topics: frozenset[str], read: Read, still_allowed: StillAllowed
    ) -> AsyncIterator[bytes]:
        """Frames of one feed as an event stream, for at most ten minutes.

        The first frame is the fragment as it is now, so that a browser that was away misses
        nothing. Raises TooManySubscribers before the first frame.
        """
        if self.subscribers >= SUBSCRIBERS_MAX:
            raise TooManySubscribers(str(SUBSCRIBERS_MAX))
        if self._closed.is_set():
            return
        subscriber = Subscriber(asyncio.Queue(QUEUE_LENGTH))
        self._join(key, topics, read, subscriber)
        loop = asyncio.get_running_loop()
        end_at = loop.time() + LIFETIME_S
        try:
            yield COMMENT
            while not self._closed.is_set() and loop.time() < end_at:
                frame = await self._next(subscriber)
                if frame is None and not await _allowed(still_allowed):
                    return
                yield frame or COMMENT
        finally:
            self._leave(key, subscriber)

    async def close(self) -> None:
        """End every stream and the listener: a graceful stop would wait for them for ever."""
        self._closed.set()
        tasks = [feed.task for feed in self._feeds.values() if feed.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._ears.close()

    async def _next(self, subscriber: Subscriber) -> bytes | None:
        """The next frame; None after 15 quiet seconds or when closing."""
        getting = asyncio.create_task(subscriber.queue.get())
        closing = asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait(
                {getting, closing}, timeout=self._comment_s, return_when=asyncio.FIRST_COMPLETED
            )
            return getting.result() if getting.done() else None
        finally:
            getting.cancel()
            closing.cancel()

    def _notice(self, topics: frozenset[str]) -> None:
        for feed in self._feeds.values():
            if topics == EVERYTHING or topics & feed.topics:
                feed.changed.set()

    def _join(
        self, key: Hashable, topics: frozenset[str], read: Read, subscriber: Subscriber
    ) -> None:
        self._ears.start()
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(topics, read)
            feed.task = asyncio.create_task(self._keep(feed), name=f"web-feed {key}")
        feed.subscribers.add(subscriber)
        feed.changed.set()

    def _leave(self, key: Hashable, subscriber: Subscriber) -> None:
        feed = self._feeds.get(key)
        if feed is None:
            return
        feed.subscribers.discard(subscriber)
        if not feed.subscribers:
            del self._feeds[key]
            if feed.task is not None:
                feed.task.cancel()

    async def _keep(self, feed: Feed) -> None:
        while True:
            # Not `wait_for`: a change that comes with the cancellation would swallow it (3.11).
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(READ_INTERVAL_S_MAX):
                    await feed.changed.wait()
            feed.changed.clear()
            try:
                async with self._reads:
                    text = await feed.read()
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                # Postgres is away: the page keeps what it shows, and this feed tries again.
                log.warning("a live fragment could not be read", kind=type(error).__name__)
            except Exception:
                log.exception("a live fragment cannot be made")
            else:
                self._offer(feed, text)
            await asyncio.sleep(READ_INTERVAL_S_MIN)

    def _offer(self, feed: Feed, text: str) -> None:
        # "12 s ago" is the browser's business: a frame that differs only there is not sent.
        fingerprint = _AGE.sub(r"\1", text)
        frame = event(text)
        for subscriber in feed.subscribers:
            subscriber.offer(fingerprint, frame)


async def _allowed(still_allowed: StillAllowed) -> bool:
    try:
        return await still_allowed()
    except Exception:
        # Not to be known while Postgres is away; nothing new can be read then either.
        return True


def event(text: str) -> bytes:
    """A text as an unnamed event, which htmx swaps."""
    lines = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"{lines}\n".encode()
