"""The API process: `python -m api`. Its port opens first; everything else connects afterwards."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import structlog
import uvicorn
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp
from temporalio.converter import PayloadCodec

from api.app import create_app, with_pages
from api.notices import Notices
from api.temporal_link import TemporalLink
from holdfast.adapters.stripe import StripePayments
from holdfast.http.admin import Check, QuietServer, admin_app, admin_server
from holdfast.settings import BadSettings, Settings
from holdfast.store.database import Sessions, open_engine, open_sessions
from holdfast.telemetry import configure_logging, new_registry
from web.app import create_web

CONNECTIONS_MAX = 4_000
DRAIN_S = 10
KEEP_ALIVE_S = 30

log = structlog.get_logger()


async def serve(settings: Settings, stop: asyncio.Event, codec: PayloadCodec | None = None) -> None:
    """Until `stop` is set, or a server ends by itself; `codec` is for what Temporal is told."""
    engine = open_engine(settings.database_url, pool_size=20)
    sessions = open_sessions(engine)
    notices, registry = Notices(settings.database_url), new_registry()
    temporal = TemporalLink(codec=codec)
    provider = StripePayments.opened(settings)
    app = create_app(
        settings,
        sessions,
        notices=notices,
        temporal=temporal,
        stripe_client=None if provider is None else provider.client,
        registry=registry,
    )
    pages = create_web(sessions=sessions, settings=settings, changes=notices)
    server = _server(settings, with_pages(app, pages))
    checks = {"database": _database_check(sessions), "notices": _notices_check(notices)}
    admin = admin_server(
        admin_app("api", checks, registry), settings.admin_host, settings.admin_port
    )
    background = [asyncio.create_task(part) for part in (notices.run(), temporal.run(settings))]
    servers = [asyncio.create_task(one.serve()) for one in (server, admin)]
    log.info("serving", host=settings.api_host, port=settings.api_port)
    try:
        await _first(stop.wait(), *servers)
        # The streams first: a server that waits for them would wait for ever.
        app.state.closing.set()
        await pages.state.live.close()
        server.should_exit = True
        await asyncio.gather(servers[0], return_exceptions=True)
        admin.should_exit = True
        await asyncio.gather(servers[1], return_exceptions=True)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        if provider is not None:
            await provider.close()
        await engine.dispose()
    for one in servers:
        if not one.cancelled() and (error := one.exception()) is not None:
            raise error
    # The Temporal SDK ends in threads of its own: without this pause they may outlive the loop.
    await asyncio.sleep(0.25)


def _server(settings: Settings, app: ASGIApp) -> QuietServer:
    return QuietServer(
        uvicorn.Config(
            app,
            host=settings.api_host,
            port=settings.api_port,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=DRAIN_S,
        )
    )


def _database_check(sessions: Sessions) -> Check:
    async def check() -> str | None:
        try:
            async with asyncio.timeout(3), sessions() as db:
                await db.execute(text("SELECT 1"))
        except (SQLAlchemyError, TimeoutError, OSError):
            return "the database does not answer"
        return None

    return check


def _notices_check(notices: Notices) -> Check:
    async def check() -> str | None:
        return None if notices.connected else "not listening for changes"

    return check


async def _first(waiting: Coroutine[Any, Any, Any], *tasks: asyncio.Task[None]) -> None:
    waiter = asyncio.ensure_future(waiting)
    await asyncio.wait({waiter, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiter


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop)


def main() -> None:
    """Build everything from the environment."""
    try:
        settings = Settings.from_environment()
    except BadSettings as error:
        sys.exit(str(error))
    configure_logging("api", form=settings.log_format, level=settings.log_level)
    asyncio.run(run(settings))


if __name__ == "__main__":
    main()
