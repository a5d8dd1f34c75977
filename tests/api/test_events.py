"""Events: a hint for every change, over one connection to Postgres that comes back by itself."""

import ast
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.notices import TOPICS, Notices, Subscription
from api.routes.events import SHOWN, events
from holdfast.services.outbox import notify
from holdfast.store.database import Sessions

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def listening(database_url: str) -> AsyncIterator[Notices]:
    notices = Notices(SecretStr(database_url))
    task = asyncio.create_task(notices.run())
    try:
        for _ in range(1500):
            if notices.connected:
                break
            await asyncio.sleep(0.02)
        yield notices
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_stream_begins_with_everything_and_then_tells_what_changed(
    database_url: str, db_sessions: Sessions
) -> None:
    async with listening(database_url) as notices:
        stream = events(notices, asyncio.Event())
        first = await anext(stream)
        async with db_sessions.begin() as db:
            await notify(db, ["sessions", "outbox", "orders"])
        second = await asyncio.wait_for(anext(stream), 60)
        await stream.aclose()

    assert orjson.loads(first.split(b"data: ")[1]) == {"topics": sorted(SHOWN)}
    assert second == b'event: changed\ndata: {"topics":["orders","sessions"]}\n\n'
    assert "outbox" not in SHOWN


async def test_a_stream_ends_when_the_process_closes(database_url: str) -> None:
    closing = asyncio.Event()
    stream = events(Notices(SecretStr(database_url)), closing)
    await anext(stream)
    rest = asyncio.create_task(collect(stream))
    await asyncio.sleep(0.1)

    closing.set()

    assert await asyncio.wait_for(rest, 60) == []


async def test_a_stream_has_a_lifetime(database_url: str) -> None:
    stream = events(Notices(SecretStr(database_url)), asyncio.Event(), lifetime_s=0.3)

    parts = await asyncio.wait_for(collect(stream), 30)

    assert len(parts) >= 1


async def test_after_a_lost_connection_everything_counts_as_changed(
    database_url: str, engine: AsyncEngine
) -> None:
    async with listening(database_url) as notices:
        with notices.subscribe() as subscription:
            async with engine.begin() as connection:
                await connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                    )
                )

            assert await subscription.wait(10) == TOPICS


async def test_news_is_a_set_and_never_piles_up() -> None:
    subscription = Subscription()
    for _ in range(1_000):
        subscription.tell(frozenset({"frames"}))

    assert await subscription.wait(0.1) == {"frames"}
    assert await subscription.wait(0.01) == frozenset()


async def collect(stream: AsyncIterator[bytes]) -> list[bytes]:
    return [part async for part in stream]


def words_in(node: ast.AST) -> set[str]:
    texts = (item.value for item in ast.walk(node) if isinstance(item, ast.Constant))
    return {text for text in texts if isinstance(text, str)}


def test_every_topic_that_is_told_or_that_a_page_waits_for_is_passed_on() -> None:
    told, waited_for = set(), set()
    for part in ("holdfast", "activities", "workers", "gateway", "web"):
        for path in (ROOT / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                    continue
                if node.func.id == "notify":
                    told |= words_in(node.args[1])
                if node.func.id == "LivePage":
                    waited_for |= {
                        word
                        for item in node.keywords
                        if item.arg == "topics"
                        for word in words_in(item.value)
                    }

    assert {"sessions", "simulations"} <= told & waited_for
    assert told | waited_for <= TOPICS
