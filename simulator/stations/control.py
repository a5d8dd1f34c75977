"""The fleet's control port: HTTP on loopback, JSON in and out. For scripts and chaos tests.

- `GET /fleet`, `GET /transactions[?station=]`
- `POST /drivers {"on": true}`, `POST /drain {"timeout_s": 120}`
- `POST /stations/{identity}/plug-in {"connector": 1, "token": "…", "energy_wh"?, "stay_s"?}`;
  a null token is a car that waits for a remote start
- `POST /stations/{identity}/unplug {"connector": 1}`
- `POST /stations/{identity}/fault {"kind": …}`: `faults.inject` lists the kinds
- `POST /stations/{identity}/message {"action": "DataTransfer", "payload": {…}}`: send any call that
  is not about a transaction and return its answer

Errors are `{"error": "…"}` with 400, 404, 409 (busy or refused), or 502 (no answer).
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.stations.faults import FaultUnknown, inject
from simulator.stations.fleet import Fleet
from simulator.stations.messages import CallFailed, Message
from simulator.stations.station import ConnectorBusy, SimulatedStation, TokenRefused

BODY_BYTES_MAX = 64 * 1024
DRAIN_DEFAULT_S = 120.0

_KEPT_OUT = frozenset({"StartTransaction", "StopTransaction", "TransactionEvent"})


class ControlPort:
    """The routes of one fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        one = "/stations/{identity}"
        self.app = Starlette(
            routes=[
                Route("/fleet", self.read_fleet),
                Route("/transactions", self.read_transactions),
                Route("/drivers", self.switch_drivers, methods=["POST"]),
                Route("/drain", self.drain, methods=["POST"]),
                Route(f"{one}/plug-in", self.plug_in, methods=["POST"]),
                Route(f"{one}/unplug", self.unplug, methods=["POST"]),
                Route(f"{one}/fault", self.fault, methods=["POST"]),
                Route(f"{one}/message", self.message, methods=["POST"]),
            ],
            exception_handlers={HTTPException: _problem},
        )

    async def read_fleet(self, _: Request) -> Response:
        return _json(self._fleet.report())

    async def read_transactions(self, request: Request) -> Response:
        return _json(self._fleet.transactions(request.query_params.get("station")))

    async def switch_drivers(self, request: Request) -> Response:
        if _flag(await _body(request), "on"):
            self._fleet.start_drivers()
        else:
            await self._fleet.stop_drivers()
        return _json({"on": self._fleet.report()["drivers"]})

    async def drain(self, request: Request) -> Response:
        body = await _body(request)
        return _json(await self._fleet.drain(_number(body, "timeout_s", DRAIN_DEFAULT_S) or 0))

    async def plug_in(self, request: Request) -> Response:
        station, body = self._station(request), await _body(request)
        token, energy_wh = body.get("token"), _number(body, "energy_wh")
        if token is not None and not (isinstance(token, str) and 1 <= len(token) <= 36):
            raise HTTPException(400, "token must be a text of 1 to 36 characters, or null")
        try:
            transaction = await station.plug_in(
                _connector(body),
                token,
                energy_wh=None if energy_wh is None else int(energy_wh),
                stay_s=_number(body, "stay_s"),
            )
        except ConnectorBusy as error:
            raise HTTPException(409, f"busy: {error}") from error
        except TokenRefused as error:
            raise HTTPException(409, "token refused") from error
        return _json({"transaction": transaction.record() if transaction else None})

    async def unplug(self, request: Request) -> Response:
        station, body = self._station(request), await _body(request)
        try:
            transaction = station.unplug(_connector(body))
        except ConnectorBusy as error:
            raise HTTPException(409, str(error)) from error
        return _json({"transaction": transaction.record() if transaction else None})

    async def fault(self, request: Request) -> Response:
        station, body = self._station(request), await _body(request)
        try:
            inject(station, body)
        except FaultUnknown as error:
            raise HTTPException(400, str(error)) from error
        return _json({"armed": body})

    async def message(self, request: Request) -> Response:
        station, body = self._station(request), await _body(request)
        action, payload = body.get("action"), body.get("payload", {})
        if not isinstance(action, str) or not isinstance(payload, dict) or action in _KEPT_OUT:
            raise HTTPException(400, "needs an action that is not about a transaction, a payload")
        if not station.is_online:
            raise HTTPException(409, "the station is offline")
        try:
            return _json({"answer": await station.delivery.ask(Message(action, payload))})
        except CallFailed as error:
            raise HTTPException(502, f"{type(error).__name__}: {error}") from error

    def _station(self, request: Request) -> SimulatedStation:
        station = self._fleet.stations.get(request.path_params["identity"])
        if station is None:
            raise HTTPException(404, "no such station")
        return station


class _Server(uvicorn.Server):
    """Signals belong to the fleet's own main; the server must not take them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def control_port(fleet: Fleet, port: int) -> AsyncIterator[int]:
    """Serve while the block runs; yields the port, which the system picks when `port` is 0."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    # Whoever is told the port may connect at once: the backlog holds them until the server serves.
    listener.listen(128)
    config = uvicorn.Config(
        ControlPort(fleet).app, log_level="warning", lifespan="off", access_log=False
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await serving
        listener.close()


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


async def _problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _json({"error": error.detail}, error.status_code)


async def _body(request: Request) -> dict[str, Any]:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_BYTES_MAX:
            raise HTTPException(413, "the body is too long")
    try:
        body = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "the body must be an object")
    return body


def _number(body: dict[str, Any], name: str, default: float | None = None) -> float | None:
    value = body.get(name, default)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise HTTPException(400, f"{name} must be a number of at least 0")
    return float(value)


def _connector(body: dict[str, Any]) -> int:
    value = body.get("connector", 1)
    if not isinstance(value, int) or isinstance(value, bool):
        raise HTTPException(400, "connector must be a whole number")
    return value


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise HTTPException(400, f"{name} must be true or false")
    return value
