"""Idempotency-Key: a write that is sent again gets the first answer, for 24 h per key and route.

The answer is stored in the transaction of the write itself, so that there is never one without the
other. An advisory lock of that transaction makes a second request that comes meanwhile a 409.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.http.problems import Problem
from holdfast.store.tables import IdempotentWrite

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
KEY_LENGTH_MAX = 255
KEPT = timedelta(hours=24)  # then upkeep deletes them
SHOWN_ONCE = ("key", "api_key", "password")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class AlreadyAnswered(Exception):
    """This write was done before; here is what was answered."""

    def __init__(self, response: Response) -> None:
        super().__init__("already answered")
        self.response = response


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotentRequest:
    """A write with an Idempotency-Key, on its way through its route."""

    db: AsyncSession
    organization_id: UUID
    api_key_id: UUID
    route: str
    key: str
    digest: bytes

    @classmethod
    async def settle(
        cls, request: Request, db: AsyncSession, organization_id: UUID, api_key_id: UUID
    ) -> None:
        """Answer a repeat (raises AlreadyAnswered), or note the request for `remember`.

        Raises a Problem: 400 (bad key), 409 (the first one is still running), 422 (the key was
        used for another request).
        """
        key = request.headers.get(HEADER)
        if key is None or request.method in SAFE_METHODS:
            return
        if not (1 <= len(key) <= KEY_LENGTH_MAX and key.isascii() and key.isprintable()):
            raise Problem(
                400,
                "bad-idempotency-key",
                f"{HEADER} must have 1 to {KEY_LENGTH_MAX} printable ASCII characters",
            )
        route = f"{request.method} {request.scope['route'].path}"
        asked = cls(
            db=db,
            organization_id=organization_id,
            api_key_id=api_key_id,
            route=route,
            key=key,
            digest=await _digest(request),
        )
        await asked._answer_a_repeat()
        request.state.idempotent = asked

    async def remember(self, status: int, body: bytes) -> None:
        """Store the answer in the request's own transaction."""
        await self.db.execute(
            upsert(IdempotentWrite)
            .values(
                organization_id=self.organization_id,
                api_key_id=self.api_key_id,
                route=self.route,
                key=self.key,
                request_digest=self.digest,
                status=status,
                body=body,
            )
            .on_conflict_do_update(
                index_elements=["api_key_id", "route", "key"], set_={"status": status, "body": body}
            )
        )

    async def _answer_a_repeat(self) -> None:
        name = f"{self.api_key_id} {self.route} {self.key}".encode()
        lock = int.from_bytes(blake2b(name, digest_size=8).digest(), signed=True)
        if not await self.db.scalar(select(func.pg_try_advisory_xact_lock(lock))):
            raise Problem(
                409, "request-in-progress", f"a request with this {HEADER} is still running"
            )
        known = await self.db.scalar(
            select(IdempotentWrite).where(
                IdempotentWrite.api_key_id == self.api_key_id,
                IdempotentWrite.route == self.route,
                IdempotentWrite.key == self.key,
            )
        )
        if known is None:
            return
        if known.created_at < datetime.now(UTC) - KEPT:
            await self.db.execute(delete(IdempotentWrite).where(IdempotentWrite.id == known.id))
            return
        if known.request_digest != self.digest:
            raise Problem(
                422,
                "idempotency-key-reused",
                f"this {HEADER} was used for another request on this route: use a new one",
            )
        raise AlreadyAnswered(
            Response(
                known.body,
                status_code=int(known.status),
                media_type="application/json" if known.body else None,
                headers={REPLAYED_HEADER: "true"},
            )
        )


class IdempotentRoute(APIRoute):
    """A route that stores its answer before the commit, and knows its query parameters.

    The handler runs inside the stack of the function's dependencies, so what is written here is
    committed together with what the route wrote.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The usual handler, and then `remember`."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            self._refuse_unknown_parameters(request)
            try:
                response = await handle(request)
            except AlreadyAnswered as repeat:
                return repeat.response
            asked: IdempotentRequest | None = getattr(request.state, "idempotent", None)
            if asked is not None and 200 <= response.status_code < 300:
                await asked.remember(response.status_code, without_secrets(bytes(response.body)))
            return response

        return handle_once

    def _refuse_unknown_parameters(self, request: Request) -> None:
        """A misspelt filter must not list everything."""
        known = {str(name) for name in _query_names(self)}
        unknown: list[dict[str, Any]] = [
            {
                "type": "extra_forbidden",
                "loc": ("query", name),
                "msg": "unknown parameter",
                "ctx": {"known": sorted(known)},
                "input": value,
            }
            for name, value in request.query_params.items()
            if name not in known
        ]
        if unknown:
            raise RequestValidationError(unknown)


def without_secrets(body: bytes) -> bytes:
    """The answer as it is kept: what is shown once is not kept, and null when asked for again."""
    if not any(f'"{name}"'.encode() in body for name in SHOWN_ONCE):
        return body
    answer = orjson.loads(body)
    if isinstance(answer, dict):
        answer |= {name: None for name in SHOWN_ONCE if name in answer}
    return orjson.dumps(answer)


def _query_names(route: APIRoute) -> list[str]:
    pending, names = [route.dependant], []
    while pending:
        dependant = pending.pop()
        names += [field.alias for field in dependant.query_params]
        pending += dependant.dependencies
    return names


async def _digest(request: Request) -> bytes:
    content = blake2b(digest_size=32)
    for part in (request.url.path, request.url.query):
        content.update(part.encode() + b"\0")
    content.update(await request.body())
    return content.digest()
