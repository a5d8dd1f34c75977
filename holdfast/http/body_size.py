"""A limit on every body, counted while it arrives: a length that was promised may be a lie."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.http.problems import Problem

BODY_BYTES_MAX = 1_048_576


class BodySizeLimit:
    """Answers 413 above the limit. `larger` maps path prefixes to limits of their own."""

    def __init__(
        self, app: ASGIApp, *, limit: int = BODY_BYTES_MAX, larger: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._limit = limit
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and count."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next(
            (size for prefix, size in self._larger.items() if scope["path"].startswith(prefix)),
            self._limit,
        )
        promised = dict(scope["headers"]).get(b"content-length", b"0")
        if not promised.isdigit() or int(promised[:20]) > limit:
            problem = Problem(413, "content-too-large", _too_large(limit))
            await problem.to_response()(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise HTTPException(413, _too_large(limit))
            return message

        await self._app(scope, counted, send)


def _too_large(limit: int) -> str:
    return f"the body is larger than {limit} bytes"
