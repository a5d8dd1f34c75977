"""The server as tests meet it: a process of its own, clients of the official SDK, a receiver."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import stripe

ROOT = Path(__file__).parents[3]
API_VERSION = "2026-10-28.endive"
KEY = "sk_test_tests"
PATIENCE_S = 60.0


@contextmanager
def client_for(url: str) -> Iterator[stripe.StripeClient]:
    """Without retries of its own: tests see every answer."""
    http = stripe.HTTPXClient(timeout=20, allow_sync_methods=True)
    yield stripe.StripeClient(
        KEY, base_addresses={"api": url}, max_network_retries=0, http_client=http
    )
    http.close()  # type: ignore[no-untyped-call] # the SDK's


def error_of(caught: pytest.ExceptionInfo[Any]) -> dict[str, Any]:
    """The error object of a refused call."""
    error: dict[str, Any] = caught.value.json_body["error"]
    return error


class SimulatorProcess:
    """`python -m simulator.stripe` on a free port; `kill` is -9, `start` comes back as it was."""

    def __init__(self, state: Path, *flags: str) -> None:
        self.state = state
        self.flags = flags
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "simulator.stripe", "--port", str(self.port),
                   "--state", str(self.state), *self.flags]  # fmt: skip
        self.process = subprocess.Popen(  # noqa: S603 # our own module, fixed arguments
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "stripe simulator on" in line, line
        self.port = int(line.rsplit(":", 1)[1])

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        os.kill(self.process.pid, how)
        self.process.wait(timeout=10)
        if self.process.stdout is not None:
            self.process.stdout.close()


@dataclass
class World:
    """A private account on the shared server."""

    base_url: str
    client: stripe.StripeClient

    @classmethod
    @contextmanager
    def on(cls, server: SimulatorProcess, account: str = "") -> Iterator["World"]:
        """The named account, or a fresh one."""
        url = f"{server.url}/a/{account or uuid4().hex}"
        with client_for(url) as client:
            yield cls(url, client)

    def sim(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = httpx.request(method, f"{self.base_url}/_sim/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def fault(self, operation: str, kind: str, **details: Any) -> None:
        self.sim("POST", "faults", {"operation": operation, "kind": kind, **details})

    def pass_3ds(self, intent: str, outcome: str = "succeed") -> None:
        self.sim("POST", f"3ds/{intent}", {"outcome": outcome})

    def hold(self, amount: int = 5_000, **more: Any) -> stripe.PaymentIntent:
        return self.client.v1.payment_intents.create(params=hold_params(amount, **more))

    def raw(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {KEY}", **more.pop("headers", {})}
        return httpx.request(method, self.base_url + path, headers=headers, timeout=20, **more)

    def deliveries_settled(self) -> dict[str, int]:
        """The counts of deliveries, once none is pending."""
        until = time.monotonic() + PATIENCE_S
        while True:
            counts: dict[str, int] = self.sim("GET", "state")["deliveries"]
            if counts["pending"] == 0 or time.monotonic() > until:
                return counts
            time.sleep(0.02)

    def event_types(self) -> list[str]:
        """Oldest first."""
        found = self.client.v1.events.list({"limit": 100})
        return [event.type for event in reversed(found.data)]


def hold_params(amount: int = 5_000, **more: Any) -> Any:
    return {
        "amount": amount,
        "currency": "eur",
        "capture_method": "manual",
        "payment_method": "pm_card_visa",
        "allowed_payment_method_types": ["card"],
        "confirm": True,
        **more,
    }


@dataclass(frozen=True)
class Received:
    body: bytes
    signature: str
    at: float


class Receiver:
    """A bare HTTP server that keeps what it is sent; it answers `statuses` first, then 200."""

    def __init__(self) -> None:
        self.received: queue.Queue[Received] = queue.Queue(maxsize=1_000)
        self.statuses: queue.Queue[int] = queue.Queue(maxsize=100)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.put(
                    Received(body, self.headers["Stripe-Signature"], time.monotonic())
                )
                try:
                    status = receiver.statuses.get_nowait()
                except queue.Empty:
                    status = 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def next(self, patience_s: float = PATIENCE_S) -> Received:
        return self.received.get(timeout=patience_s)

    def take(self, count: int) -> list[Received]:
        return [self.next() for _ in range(count)]

    def nothing_for(self, seconds: float) -> bool:
        try:
            self.received.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)
