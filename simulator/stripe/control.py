"""The control plane under `/_sim/`: what the real Stripe does by itself or never would.

JSON in, JSON out, no key: the server binds to loopback. Each account has its own, under its
prefix. `GET state`, `GET|POST|DELETE faults`, `GET|POST webhooks`, `POST webhooks/resend`,
`GET|POST clock`, `GET|POST shape`, `GET|POST 3ds/<intent>`.
"""

import html
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from simulator.stripe import authorizations, deliveries, faults, setup_intents
from simulator.stripe.account import Account
from simulator.stripe.deliveries import MODES, Deliverer, Misbehaviour
from simulator.stripe.errors import JsonObject, Refused
from simulator.stripe.faults import Fault
from simulator.stripe.listing import visible
from simulator.stripe.store import Store, Wanted

STATE_MAX = 100_000
QUEUE_SHOWN = 200
BODY_MAX = 64 * 1024
COPIES_MAX = 20
DELAY_MAX_S = 600.0
ADVANCE_MAX_S = 10 * 365 * 86_400
SHAPES = ("uncaptured", "refunded")
SHOWN = (
    "id", "status", "amount", "amount_capturable", "amount_received", "currency", "customer",
    "capture_method", "cancellation_reason", "latest_charge", "created", "metadata",
)  # fmt: skip
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Test bank</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>Test bank: confirm the payment</h1>
<p>{intent} is {status}.</p>
<form method="post">
<button name="outcome" value="succeed">Complete</button>
<button name="outcome" value="fail">Fail</button>
</form></main></body></html>
"""


class Misunderstood(Exception):
    """The control plane cannot do what it was asked; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    store: Store
    account: Callable[[str], Account]
    deliverer: Deliverer
    operations: frozenset[str]

    def routes(self, prefix: str) -> list[Route]:
        table: list[tuple[str, str, Callable[[Request, Account], Awaitable[Response]]]] = [
            ("GET", "/state", self.state),
            ("GET", "/faults", self.list_faults),
            ("POST", "/faults", self.order_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("GET", "/webhooks", self.show_webhooks),
            ("POST", "/webhooks", self.misbehave),
            ("POST", "/webhooks/resend", self.resend),
            ("GET", "/clock", self.clock),
            ("POST", "/clock", self.clock),
            ("GET", "/shape", self.shape),
            ("POST", "/shape", self.shape),
            ("GET", "/3ds/{intent}", self.challenge),
            ("POST", "/3ds/{intent}", self.finish_challenge),
        ]
        return [
            Route(f"{prefix}/_sim{path}", self.guarded(handler), methods=[method])
            for method, path, handler in table
        ]

    def guarded(
        self, handler: Callable[[Request, Account], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            account = self.account(request.path_params.get("account", ""))
            try:
                return await handler(request, account)
            except Misunderstood as wrong:
                return JSONResponse({"error": str(wrong)}, 400)
            except Refused as refused:
                return JSONResponse(refused.body(), refused.status)

        return serve

    async def state(self, request: Request, account: Account) -> Response:
        """Every payment intent, oldest first, and how the deliveries stand."""
        wanted = Wanted(kind="payment_intent", limit=STATE_MAX)
        intents, more = self.store.page(account.name, wanted)
        shown = [
            {name: intent[name] for name in SHOWN}
            | {"capture_before": intent["_sim"].get("due_at")}
            for intent in reversed(intents)
        ]
        return answer(
            {
                "now": account.now(),
                "payment_intents": shown,
                "truncated": more,
                "deliveries": deliveries.counts(self.store, account.name),
            }
        )

    async def list_faults(self, request: Request, account: Account) -> Response:
        return answer({"faults": faults.pending(self.store, account.name)})

    async def order_fault(self, request: Request, account: Account) -> Response:
        asked = await read(request, operation=str, kind=str, when=str, delay_s=float, status=int,
                           should_retry=bool, count=int)  # fmt: skip
        count = asked.pop("count", 1)
        if "operation" not in asked or "kind" not in asked:
            raise Misunderstood("a fault needs an operation and a kind")
        fault = Fault(**asked)
        wrong = fault.check(self.operations)
        if wrong:
            raise Misunderstood(wrong)
        try:
            with self.store.transaction():
                number = faults.order(self.store, account.name, fault, count)
        except ValueError as too_many:
            raise Misunderstood(str(too_many)) from too_many
        return answer({"id": number, "count": count, **asdict(fault)})

    async def clear_faults(self, request: Request, account: Account) -> Response:
        with self.store.transaction():
            faults.clear(self.store, account.name)
        return answer({"faults": []})

    async def show_webhooks(self, request: Request, account: Account) -> Response:
        how = deliveries.misbehaviour(self.store, account.name)
        rows = deliveries.queue_rows(self.store, account.name, QUEUE_SHOWN)
        return answer({**asdict(how), "deliveries": rows})

    async def misbehave(self, request: Request, account: Account) -> Response:
        asked = await read(request, mode=str, delay_s=float, copies=int, types=list)
        asked["types"] = tuple(str(each) for each in asked.get("types", ()))
        how = Misbehaviour(**asked)
        if how.mode not in MODES:
            raise Misunderstood(f"mode is one of {MODES}")
        if not (1 <= how.copies <= COPIES_MAX and 0 <= how.delay_s <= DELAY_MAX_S):
            raise Misunderstood(f"copies is 1 to {COPIES_MAX}, delay_s 0 to {DELAY_MAX_S:.0f}")
        with self.store.transaction():
            deliveries.misbehave(self.store, account.name, how)
        return answer(asdict(how))

    async def resend(self, request: Request, account: Account) -> Response:
        """Deliver an event once more, as the dashboard's button does."""
        asked = await read(request, event=str)
        event = account.get("event", asked.get("event", ""), in_path=True)
        with self.store.transaction():
            endpoints = deliveries.enqueue(self.store, account.name, event)
        self.deliverer.wake()
        return answer({"endpoints": endpoints})

    async def clock(self, request: Request, account: Account) -> Response:
        """POST advances the account's clock; holds whose window has passed expire at once."""
        expired = 0
        if request.method == "POST":
            seconds = (await read(request, advance_s=int)).get("advance_s", 0)
            if not 0 < seconds <= ADVANCE_MAX_S:
                raise Misunderstood(f"advance_s is 1 to {ADVANCE_MAX_S}: clocks only run forward")
            with self.store.transaction():
                account.advance(seconds)
                expired = authorizations.expire_due(account)
            self.deliverer.wake()
        return answer({"now": account.now(), "expired": expired})

    async def shape(self, request: Request, account: Account) -> Response:
        """How a released rest of a hold shows: see `charges.release_rest`."""
        if request.method == "POST":
            wanted = (await read(request, release_shape=str)).get("release_shape")
            if wanted not in SHAPES:
                raise Misunderstood(f"release_shape is one of {SHAPES}")
            with self.store.transaction():
                self.store.set(account.name, "release_shape", wanted)
        kept = self.store.setting(account.name, "release_shape")
        return answer({"release_shape": kept or SHAPES[0]})

    async def challenge(self, request: Request, account: Account) -> Response:
        """The bank's page, for people."""
        intent = intent_of(account, request)
        shown = PAGE.format(intent=html.escape(intent["id"]), status=html.escape(intent["status"]))
        return Response(shown, media_type="text/html")

    async def finish_challenge(self, request: Request, account: Account) -> Response:
        """`outcome` succeed or fail, as a form (then back to the return URL) or as JSON."""
        as_json = request.headers.get("content-type", "").startswith("application/json")
        if as_json:
            outcome = (await read(request, outcome=str)).get("outcome")
        else:
            outcome = str((await request.form()).get("outcome"))
        if outcome not in ("succeed", "fail"):
            raise Misunderstood("outcome is succeed or fail")
        with self.store.transaction():
            intent = intent_of(account, request)
            return_url = ((intent["next_action"] or {}).get("redirect_to_url") or {}).get(
                "return_url"
            )
            finish(account, intent, passed=outcome == "succeed")
        self.deliverer.wake()
        if as_json or not return_url:
            return answer(visible(intent))
        return RedirectResponse(returning(return_url, intent), 303)


def finish(account: Account, intent: JsonObject, *, passed: bool) -> None:
    if intent["object"] == "payment_intent":
        authorizations.finish_authentication(account, intent, passed=passed)
        return
    try:
        setup_intents.finish_authentication(account, intent, passed=passed)
    except Refused as declined:
        # The bank's page tells nobody why; the intent does.
        if declined.status != 402:
            raise


def intent_of(account: Account, request: Request) -> JsonObject:
    intent_id = request.path_params["intent"]
    kind = "setup_intent" if intent_id.startswith("seti_") else "payment_intent"
    return account.get(kind, intent_id, in_path=True)


def returning(return_url: str, intent: JsonObject) -> str:
    """The return URL with what Stripe appends to it."""
    parts = urlsplit(return_url)
    failed = intent["status"] in ("requires_payment_method", "canceled")
    added = urlencode(
        {
            intent["object"]: intent["id"],
            f"{intent['object']}_client_secret": intent["client_secret"],
            "redirect_status": "failed" if failed else "succeeded",
        }
    )
    query = f"{parts.query}&{added}" if parts.query else added
    return urlunsplit(parts._replace(query=query))


async def read(request: Request, **fields: type) -> dict[str, Any]:
    """A JSON object with only these fields, each of its type."""
    body = await request.body()
    if len(body) > BODY_MAX:
        raise Misunderstood("the body is too large")
    try:
        asked = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as wrong:
        raise Misunderstood("the body is not JSON") from wrong
    if not isinstance(asked, dict):
        raise Misunderstood("the body is not a JSON object")
    for name, value in asked.items():
        wanted = fields.get(name)
        if wanted is None:
            raise Misunderstood(f"unknown field {name}; known are {', '.join(fields)}")
        fits = isinstance(value, int | float) if wanted is float else isinstance(value, wanted)
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise Misunderstood(f"{name} must be a {wanted.__name__}")
    return asked


def answer(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
