"""Health and metrics of a process, on a port of its own."""

from collections.abc import Awaitable, Callable, Mapping

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


def admin_server(app: Starlette, host: str, port: int) -> uvicorn.Server:
    """A uvicorn server without signal handling of its own; run `serve()` as a task."""
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    return server
