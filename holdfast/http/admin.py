"""Health and metrics of a process, on a port of its own."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Check = Callable[[], Awaitable[str | None]]


def admin_app(process: str, checks: Mapping[str, Check], registry: CollectorRegistry) -> Starlette:
    """`/healthz` (the process runs), `/readyz` (every check returns None), `/metrics`.

    A check returns what is wrong in plain words, or None.
    """

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "process": process})

    async def readyz(_request: Request) -> Response:
        wrong = {name: problem for name, check in checks.items() if (problem := await check())}
        return JSONResponse(
            {"status": "ready" if not wrong else "unready", "process": process, "wrong": wrong},
            status_code=200 if not wrong else 503,
        )

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ]
    )


class QuietServer(uvicorn.Server):
    """Leaves SIGTERM and SIGINT to the process, which drains in its own order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def admin_server(app: Starlette, host: str, port: int) -> QuietServer:
    """A server for the admin port; run `serve()` as a task, end it by `should_exit`."""
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", access_log=False, lifespan="off"
    )
    return QuietServer(config)
