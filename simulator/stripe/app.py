"""The server: routes, and the edge that every request passes.

In order, as at Stripe: authentication, the idempotency key, faults, then one transaction that
checks the parameters, executes, and stores the answer under the key.
"""

import asyncio
import base64
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulator.stripe import (
    charges,
    customers,
    errors,
    events,
    faults,
    form,
    idempotency,
    payment_intents,
    payment_methods,
    setup_intents,
    webhook_endpoints,
)
from simulator.stripe.account import Account, Origin
from simulator.stripe.authorizations import expire_due
from simulator.stripe.connections import Hangup
from simulator.stripe.control import ControlPlane
from simulator.stripe.deliveries import Deliverer, misbehaviour
from simulator.stripe.errors import JsonObject, Refused
from simulator.stripe.faults import Fault
from simulator.stripe.idempotency import InFlight, Kept
from simulator.stripe.ids import random_tail
from simulator.stripe.listing import expanded
from simulator.stripe.operation import Call, Operation
from simulator.stripe.store import Store

log = logging.getLogger("simulator.stripe")

OPERATIONS: tuple[Operation, ...] = (
    *customers.OPERATIONS,
    *payment_methods.OPERATIONS,
    *setup_intents.OPERATIONS,
    *payment_intents.OPERATIONS,
    *charges.OPERATIONS,
    *events.OPERATIONS,
    *webhook_endpoints.OPERATIONS,
)
ACCOUNT_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
KEY = re.compile(r"(sk|rk)_test_[A-Za-z0-9_]{1,200}")
BODY_MAX = 256 * 1024
TICK_S = 1.0
PRUNE_EVERY = 3_600
DELIVERY_PATIENCE_S = 10.0
METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request on its way through the edge."""

    operation: Operation
    account: Account
    raw: JsonObject
    ids: Mapping[str, str]
    path: str
    base_url: str
    request_id: str
    key: str | None
    version: str


@dataclass(frozen=True)
class Server:
    """What all requests share."""

    store: Store
    api_version: str
    deliverer: Deliverer
    in_flight: InFlight = field(default_factory=InFlight)

    def account(self, name: str, origin: Origin | None = None) -> Account:
        return Account(
            name=name,
            store=self.store,
            api_version=self.api_version,
            origin=origin or Origin(),
        )

    def endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            request_id = f"req_{random_tail(14)}"
            try:
                return await self.serve(operation, request, request_id)
            except Refused as refused:
                return rendered(refused.status, errors_bytes(refused), request_id)
            except Exception:
                log.exception("%s failed", operation.name)
                broken = Refused(500, "api_error", "The simulator itself failed; see its log.")
                return rendered(500, errors_bytes(broken), request_id)

        return serve

    async def serve(self, operation: Operation, request: Request, request_id: str) -> Response:
        asked = await self.read(operation, request, request_id)
        with self.store.transaction():
            fault = faults.take(self.store, asked.account.name, operation.name)
        before = fault if fault is not None and fault.when == "before" else None
        with self.in_flight.claim(asked.account.name, asked.key):
            if before is not None and before.kind == "drop":
                return Hangup()
            if before is not None and before.kind == "delay":
                await asyncio.sleep(before.delay_s)
            if before is not None and before.kind == "error" and not before.is_crash():
                return failed(before, asked)
            response = self.execute(asked, fault)
        self.deliverer.wake()
        if misbehaviour(self.store, asked.account.name).mode == "before_response":
            await self.deliverer.caught_up(asked.account.name, DELIVERY_PATIENCE_S)
        return await after(fault, asked, response) if fault is not None else response

    async def read(self, operation: Operation, request: Request, request_id: str) -> Asked:
        authenticate(request)
        name = request.path_params.get("account", "")
        if name and not ACCOUNT_NAME.fullmatch(name):
            raise errors.unknown_url(request.method, request.url.path)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if key is not None:
            idempotency.require_sound(key)
        prefix = f"/a/{name}" if name else ""
        return Asked(
            operation=operation,
            account=self.account(name, Origin(request_id=request_id, idempotency_key=key)),
            raw=form.decode(await pairs(request)),
            ids={n: v for n, v in request.path_params.items() if n != "account"},
            path=request.url.path.removeprefix(prefix),
            base_url=str(request.base_url).rstrip("/") + prefix,
            request_id=request_id,
            key=key,
            version=request.headers.get("stripe-version", self.api_version),
        )

    def execute(self, asked: Asked, fault: Fault | None) -> Response:
        """One transaction: the change, its events, their deliveries, and the stored answer."""
        account = asked.account
        crash = fault if fault is not None and fault.is_crash() else None
        mark = idempotency.fingerprint(asked.raw)
        with self.store.transaction():
            now = account.now()
            if asked.key is not None:
                kept = idempotency.find(self.store, account.name, asked.key, asked.path, mark, now)
                if kept is not None:
                    return answered(asked, kept, replayed=True)
            expire_due(account)
            status, body = perform(asked, crash)
            kept = Kept(status=status, body=orjson.dumps(body), request_id=asked.request_id)
            if asked.key is not None:
                idempotency.keep(self.store, account.name, asked.key, asked.path, mark, now, kept)
        return answered(asked, kept, replayed=False)

    async def tick(self) -> None:
        """Expire holds as time passes, without anybody asking; drop what is too old to matter."""
        rounds = 0
        while True:
            try:
                with self.store.transaction():
                    expired = sum(
                        expire_due(self.account(name)) for name in self.store.accounts_with_due()
                    )
                    if rounds % PRUNE_EVERY == 0:
                        self.store.prune(int(time.time()))
                if expired:
                    self.deliverer.wake()
            except Exception:
                log.exception("a tick failed")
            rounds += 1
            await asyncio.sleep(TICK_S)


def perform(asked: Asked, crash: Fault | None) -> tuple[int, JsonObject]:
    """Status and body of an executed request. Raises what stopped it before it began."""
    operation, account = asked.operation, asked.account
    try:
        if crash is not None and crash.when == "before":
            raise crash.refusal()
        params = form.check(asked.raw, operation.params)
        expand = params.pop("expand", [])
        call = Call(account=account, params=params, ids=asked.ids, base_url=asked.base_url)
        body = expanded(account, operation.handler(call), expand)
        if crash is not None:
            raise crash.refusal()
    except Refused as refused:
        if not refused.executed:
            raise
        return refused.status, told(refused, asked.request_id)
    return 200, body


def told(refused: Refused, request_id: str) -> JsonObject:
    body = refused.body()
    body["error"]["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
    return body


def errors_bytes(refused: Refused) -> bytes:
    return orjson.dumps(refused.body())


def rendered(status: int, body: bytes, request_id: str, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        body, status, headers={"Request-Id": request_id, **named}, media_type="application/json"
    )


def answered(asked: Asked, kept: Kept, *, replayed: bool) -> Response:
    headers = {"Stripe_Version": asked.version}
    if asked.key is not None:
        headers["Idempotency_Key"] = asked.key
        headers["Original_Request"] = kept.request_id
    if replayed:
        headers["Idempotent_Replayed"] = "true"
    return rendered(kept.status, kept.body, asked.request_id, **headers)


def failed(fault: Fault, asked: Asked) -> Response:
    headers = {}
    if fault.should_retry is not None:
        headers["Stripe_Should_Retry"] = str(fault.should_retry).lower()
    return rendered(fault.status, errors_bytes(fault.refusal()), asked.request_id, **headers)


async def after(fault: Fault, asked: Asked, response: Response) -> Response:
    """What happens to an answer on its way back."""
    if fault.kind == "malformed":
        body = bytes(response.body)
        return rendered(response.status_code, body[: len(body) // 2], asked.request_id)
    if fault.when == "before":
        return response
    if fault.kind == "drop":
        return Hangup()
    if fault.kind == "delay":
        await asyncio.sleep(fault.delay_s)
    if fault.kind == "error" and not fault.is_crash():
        return failed(fault, asked)
    return response


def authenticate(request: Request) -> None:
    """Any secret test key, as bearer token or as the user of basic authentication."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            value = base64.b64decode(value, validate=True).decode().partition(":")[0]
    if not value:
        raise errors.unauthorized(
            "You did not provide an API key. You need to provide your API key in the "
            "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
            "YOUR_SECRET_KEY')."
        )
    if scheme.lower() not in ("bearer", "basic") or not KEY.fullmatch(value):
        shown = value[:8] if len(value) > 16 else ""
        raise errors.unauthorized(f"Invalid API Key provided: {shown}****")


async def pairs(request: Request) -> list[tuple[str, str]]:
    query = parse_qsl(request.url.query, keep_blank_values=True)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            raise Refused(413, "invalid_request_error", "The request body is too large.")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise errors.invalid("Invalid request: the body is not UTF-8") from None
    return query + parse_qsl(text, keep_blank_values=True)


async def unknown(request: Request) -> Response:
    request_id = f"req_{random_tail(14)}"
    refused = errors.unknown_url(request.method, request.url.path)
    return rendered(404, errors_bytes(refused), request_id)


async def healthz(request: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where the root account's events go from the start."""

    url: str
    secret: str


def build(store: Store, api_version: str, webhook: Webhook | None = None) -> Starlette:
    """The application. It owns the store from its start-up on, and closes it."""
    server = Server(store, api_version, Deliverer(store))
    control = ControlPlane(
        store=store,
        account=server.account,
        deliverer=server.deliverer,
        operations=frozenset(operation.name for operation in OPERATIONS),
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if webhook is not None:
            with store.transaction():
                webhook_endpoints.put_flag_endpoint(server.account(""), webhook.url, webhook.secret)
        tasks = [asyncio.create_task(server.deliverer.run()), asyncio.create_task(server.tick())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            store.close()

    routes: list[BaseRoute] = [Route("/healthz", healthz)]
    for prefix in ("", "/a/{account}"):
        for operation in OPERATIONS:
            path = prefix + operation.path
            routes.append(Route(path, server.endpoint(operation), methods=[operation.method]))
        routes.extend(control.routes(prefix))
    routes.append(Route("/{rest:path}", unknown, methods=METHODS))
    return Starlette(routes=routes, lifespan=lifespan)
