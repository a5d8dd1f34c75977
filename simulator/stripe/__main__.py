"""`python -m simulator.stripe`: run the server until it is told to stop."""

import argparse
import logging
import secrets
import socket
import sqlite3
import sys

import uvicorn

from simulator.stripe.app import Webhook, build
from simulator.stripe.connections import TrackedConnection
from simulator.stripe.store import Store

API_VERSION = "2026-10-28.endive"
BACKLOG = 512
CONNECTIONS_MAX = 1_000
GRACE_S = 3


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator.stripe", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8420, help="0 takes a free one and prints it")
    parser.add_argument("--state", default=":memory:", help="SQLite file; without it, memory")
    parser.add_argument("--webhook-url", help="where the root account's events go")
    parser.add_argument("--webhook-secret", help="whsec_…; made up and printed if left out")
    parser.add_argument("--api-version", default=API_VERSION)
    return parser.parse_args()


def listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener


def main() -> int:
    asked = arguments()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        store = Store(asked.state)
    except sqlite3.OperationalError as error:
        print(f"cannot use the state file {asked.state}: {error}", file=sys.stderr)
        return 1
    try:
        listener = listen(asked.host, asked.port)
    except OSError as error:
        print(f"cannot listen on {asked.host}:{asked.port}: {error.strerror}", file=sys.stderr)
        return 1
    webhook = None
    if asked.webhook_url:
        secret = asked.webhook_secret or f"whsec_{secrets.token_hex(16)}"
        webhook = Webhook(url=asked.webhook_url, secret=secret)
        if not asked.webhook_secret:
            print(f"webhook secret {secret}", flush=True)
    config = uvicorn.Config(
        build(store, asked.api_version, webhook),
        http=TrackedConnection,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        # A forwarded-for header must not hide the peer that `Hangup` looks for.
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=GRACE_S,
    )
    print(f"stripe simulator on http://{asked.host}:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
