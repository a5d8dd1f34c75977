"""One port, two applications: the API and its webhooks, and the pages for everything else.

Not a mount at "/": that would answer in the API's place where only a method is wrong, and with a
page where a program expects problem+json.
"""

from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API_PREFIXES = ("/api/", "/webhooks/", "/ocsp/", "/crl/")
API_PATHS = ("/api", "/healthz")
# An answer may hold a key that is shown once: no cache may keep it, and no browser may guess it.
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


class FrontDoor:
    """Sends a request to the API or to the pages. Without pages, the API answers all."""

    def __init__(self, api: ASGIApp, pages: ASGIApp | None = None) -> None:
        self._api = api
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """By the path alone."""
        if self._pages is not None and scope["type"] in ("http", "websocket"):
            path: str = scope["path"]
            if not (path in API_PATHS or path.startswith(API_PREFIXES)):
                await self._pages(scope, receive, send)
                return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_missing(message)
            await send(message)

        await self._api(scope, receive, guarded)


def _add_missing(message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(raw=message.setdefault("headers", []))
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    message["headers"] = headers.raw
