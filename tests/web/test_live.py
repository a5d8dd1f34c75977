"""Live fragments: read once, sent to all, never behind a slow one, and back after a restart."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, text, update

from api.notices import Notices
from cli.embedded.postgres import EmbeddedPostgres
from holdfast.services.outbox import notify
from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from web import live as live_module
from web.live import COMMENT, QUEUE_LENGTH, READ_INTERVAL_S_MIN, Live, Subscriber, event

PATIENCE_S = 60
TOPICS = frozenset({"sessions"})
LISTENING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast web listener' "
    "AND datname = current_database() AND state = 'idle' AND query LIKE 'LISTEN%'"
)


@dataclass
class Board:
    """A fragment that counts how often it was read."""

    text: str = "<p>one</p>"
    reads: int = 0
    broken: bool = False
    seen: list[str] = field(default_factory=list)

    async def read(self) -> str:
        self.reads += 1
        if self.broken:
            raise ConnectionError("the database is away")
        return self.text


async def always() -> bool:
    return True


async def never() -> bool:
    return False


@pytest.fixture
async def live(database_url: str) -> AsyncIterator[Live]:
    """Streams on the test's database."""
    live = Live(SecretStr(database_url), comment_s=1.0)
    yield live
    await live.close()


async def next_frame(stream: AsyncIterator[bytes]) -> bytes:
    """The next frame that is no comment."""
    async with asyncio.timeout(PATIENCE_S):
        async for frame in stream:
            if frame != COMMENT:
                return frame
    raise AssertionError("the stream ended")


async def tell(db_sessions: Sessions, *topics: str) -> None:
    async with db_sessions.begin() as db:
        await notify(db, topics)


@pytest.fixture(autouse=True)
def no_reads_without_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read every ten seconds anyway would be counted here, or hide that nobody listened."""
    monkeypatch.setattr(live_module, "READ_INTERVAL_S_MAX", 600.0)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110 - neither Postgres nor a plain flag has an event
            await asyncio.sleep(0.02)


async def settled(db_sessions: Sessions, board: Board) -> int:
    """The number of reads once those of the start (join, listener) are over."""

    async def listening() -> bool:
        async with db_sessions() as db:
            return bool(await db.scalar(LISTENING))

    await until(listening)
    await asyncio.sleep(2 * READ_INTERVAL_S_MIN)
    return board.reads


async def test_many_browsers_cost_one_read_and_get_the_same_bytes(
    live: Live, db_sessions: Sessions
) -> None:
    board = Board()
    streams = [live.stream("board", TOPICS, board.read, always) for _ in range(50)]
    await asyncio.gather(*(next_frame(stream) for stream in streams))
    before = await settled(db_sessions, board)

    board.text = "<p>two</p>"
    await tell(db_sessions, "sessions", "stations")
    frames = await asyncio.gather(*(next_frame(stream) for stream in streams))

    assert board.reads == before + 1
    assert set(frames) == {event("<p>two</p>")}
    assert len({id(frame) for frame in frames}) == 1


async def test_a_notice_of_another_topic_costs_nothing(live: Live, db_sessions: Sessions) -> None:
    board = Board()
    await next_frame(live.stream("board", TOPICS, board.read, always))
    before = await settled(db_sessions, board)

    await tell(db_sessions, "payments")
    await asyncio.sleep(1)

    assert board.reads == before


async def test_a_fragment_that_only_aged_is_not_sent_again(
    live: Live, db_sessions: Sessions
) -> None:
    board = Board('<time datetime="x" data-age>3 s ago</time> <b>7</b>')
    stream = live.stream("board", TOPICS, board.read, always)
    await next_frame(stream)

    board.text = '<time datetime="x" data-age>9 s ago</time> <b>7</b>'
    await tell(db_sessions, "sessions")
    await settled(db_sessions, board)
    board.text = '<time datetime="x" data-age>9 s ago</time> <b>8</b>'
    await tell(db_sessions, "sessions")

    assert b"<b>8</b>" in await next_frame(stream)


def test_a_slow_browser_loses_old_frames_and_holds_nobody_up() -> None:
    subscriber = Subscriber(asyncio.Queue(QUEUE_LENGTH))

    for number in range(10):
        subscriber.offer(str(number), str(number).encode())

    kept = [subscriber.queue.get_nowait() for _ in range(subscriber.queue.qsize())]
    assert kept == [b"8", b"9"]


async def test_a_read_that_fails_is_tried_again(live: Live, db_sessions: Sessions) -> None:
    board = Board(broken=True)
    stream = live.stream("board", TOPICS, board.read, always)
    assert await anext(stream) == COMMENT
    waiting = asyncio.create_task(next_frame(stream))
    await asyncio.sleep(1)

    board.broken = False
    await tell(db_sessions, "sessions")

    assert await waiting == event("<p>one</p>")


async def test_a_killed_listener_comes_back_and_reads_everything_again(
    live: Live, db_sessions: Sessions
) -> None:
    board = Board()
    stream = live.stream("board", TOPICS, board.read, always)
    await next_frame(stream)
    await settled(db_sessions, board)

    board.text = "<p>changed while nobody listened</p>"
    async with db_sessions.begin() as db:
        killed = await db.scalar(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name = 'holdfast web listener' "
                "AND datname = current_database()"
            )
        )

    assert killed == 1
    assert b"changed while nobody listened" in await next_frame(stream)


async def test_streams_survive_a_restart_of_postgres(tmp_path: Path) -> None:
    cluster = EmbeddedPostgres(tmp_path / "data", durable=False)
    url = await cluster.start()
    board = Board()
    live = Live(SecretStr(url))
    try:
        stream = live.stream("board", TOPICS, board.read, always)
        await next_frame(stream)
        await cluster.stop()
        board.text = "<p>after the restart</p>"
        assert await cluster.start() == url

        assert b"after the restart" in await next_frame(stream)
    finally:
        await live.close()
        await cluster.stop()


async def test_closing_ends_every_stream(live: Live) -> None:
    board = Board()
    streams = [live.stream("board", TOPICS, board.read, always) for _ in range(3)]
    await asyncio.gather(*(next_frame(stream) for stream in streams))

    async def drain(stream: AsyncIterator[bytes]) -> None:
        async for _ in stream:
            pass

    draining = asyncio.gather(*(drain(stream) for stream in streams))
    await live.close()

    async with asyncio.timeout(PATIENCE_S):
        await draining
    assert live.subscribers == 0


async def test_who_may_no_longer_look_is_shown_out(live: Live) -> None:
    board = Board()
    stream = live.stream("board", TOPICS, board.read, never)
    await next_frame(stream)

    async with asyncio.timeout(PATIENCE_S):
        rest = [frame async for frame in stream]

    assert all(frame == COMMENT for frame in rest)
    assert live.subscribers == 0


async def test_a_stream_needs_a_viewer(sign_in: SignIn, db_sessions: Sessions) -> None:
    browser = await sign_in()
    async with db_sessions.begin() as db:
        await db.execute(
            update(t.ApiKey).where(t.ApiKey.id == browser.key_id).values(revoked_at=func.now())
        )

    assert (await browser.client.get("/live/overview")).status_code == 401


async def test_pages_hear_through_the_connection_that_the_process_has(
    database_url: str, db_sessions: Sessions
) -> None:
    notices = Notices(SecretStr(database_url))
    hearing = asyncio.create_task(notices.run())
    board = Board()
    live = Live(SecretStr("postgresql://nobody@127.0.0.1:1/none"), changes=notices)

    async def listening() -> bool:
        return notices.connected

    try:
        await until(listening)
        stream = live.stream("board", TOPICS, board.read, always)
        await next_frame(stream)
        await asyncio.sleep(2 * READ_INTERVAL_S_MIN)
        board.text = "<p>overheard</p>"
        await tell(db_sessions, "sessions")

        assert b"overheard" in await next_frame(stream)
    finally:
        await live.close()
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


async def test_a_feed_that_changes_as_its_last_reader_leaves_ends_all_the_same(
    database_url: str,
) -> None:
    board, silent = Board(), Notices(SecretStr(database_url))
    live = Live(SecretStr(database_url), changes=silent)
    before = asyncio.all_tasks()
    first: Any = live.stream("board", TOPICS, board.read, always)
    await next_frame(first)
    await asyncio.sleep(4 * READ_INTERVAL_S_MIN)  # by now the feed waits for a change
    (feed,) = [task for task in asyncio.all_tasks() - before if "web-feed" in task.get_name()]

    second: Any = live.stream("board", TOPICS, board.read, always)
    await anext(second)  # for whom the feed is to be read
    await first.aclose()
    await second.aclose()

    await asyncio.wait({feed}, timeout=PATIENCE_S)
    assert feed.cancelled()
    await live.close()
