"""Events: a stream that says "something changed"; the reader reads again."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from api.notices import TOPICS, Notices, Subscription, TooManySubscribers
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.principal import Reader
from holdfast.http.problems import Problem

router = APIRouter(tags=["events"], route_class=IdempotentRoute)

COMMENT_EVERY_S = 15.0
LIFETIME_S = 600.0
PAUSE_S = 0.5  # between two events: many changes are one piece of news
RETRY_MS = 2_000
# Internal topics: what is in the outbox is nobody's business outside.
SHOWN = TOPICS - {"outbox"}


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def stream_events(request: Request, reader: Reader) -> StreamingResponse:
    """Server-sent events: `event: changed`, `data: {"topics": ["sessions", ...]}`.

    A hint to read again, never the data: it may be about rows that this key cannot see. The first
    one comes at once, with every topic. The stream ends after ten minutes: connect again.
    """
    notices: Notices = request.app.state.notices
    closing: asyncio.Event = request.app.state.closing
    stream = events(notices, closing)
    try:
        first = await anext(stream)
    except TooManySubscribers:
        raise Problem(
            503, "too-many-streams", "too many streams are open", headers={"Retry-After": "30"}
        ) from None

    async def content() -> AsyncIterator[bytes]:
        try:
            yield first
            async for part in stream:
                yield part
        finally:
            await stream.aclose()

    return StreamingResponse(
        content(),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def events(
    notices: Notices, closing: asyncio.Event, *, lifetime_s: float = LIFETIME_S
) -> AsyncGenerator[bytes, None]:
    """The parts of one stream, until its lifetime is over or the process closes."""
    clock = asyncio.get_running_loop().time
    until = clock() + lifetime_s
    with notices.subscribe() as subscription:
        yield f"retry: {RETRY_MS}\n\n".encode() + changed(SHOWN)
        while not closing.is_set() and (left_s := until - clock()) > 0:
            topics = await _news(subscription, closing, min(COMMENT_EVERY_S, left_s))
            if closing.is_set():
                return
            if topics & SHOWN:
                yield changed(topics & SHOWN)
                await asyncio.sleep(PAUSE_S)
            elif not topics:
                yield b": still here\n\n"


def changed(topics: frozenset[str]) -> bytes:
    """One event."""
    return b"event: changed\ndata: " + orjson.dumps({"topics": sorted(topics)}) + b"\n\n"


async def _news(
    subscription: Subscription, closing: asyncio.Event, timeout_s: float
) -> frozenset[str]:
    """What changed, or nothing when the time is up or the process closes."""
    news = asyncio.ensure_future(subscription.wait(timeout_s))
    closed = asyncio.ensure_future(closing.wait())
    try:
        await asyncio.wait({news, closed}, return_when=asyncio.FIRST_COMPLETED)
        return news.result() if news.done() else frozenset()
    finally:
        for task in (news, closed):
            task.cancel()
        await asyncio.gather(news, closed, return_exceptions=True)
