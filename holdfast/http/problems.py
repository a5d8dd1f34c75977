"""Errors as RFC 9457 problem+json: what is wrong, where, and what would be right.

Each expected failure is translated here, once. What is not known here is a 500 without details:
the log has them, the caller does not.
"""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from holdfast.domain.currency import UnknownCurrency
from holdfast.domain.money import MoneyInvalid
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.domain.token import TokenInvalid
from holdfast.services.orders import OrderTooLarge, TooManyWaiting, UnknownOrderKind
from holdfast.services.refusal import Conflict, Invalid, NotFound, Refusal, TooMany

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:holdfast:problem:"
VALUE_LENGTH_MAX = 80
ERRORS_MAX = 50
PATH_MAX = 200  # characters of an address that nothing answers
SECRET_WORDS = ("password", "secret", "key", "authorization", "payment_method")

log = structlog.get_logger()


class Problem(Exception):
    """An answer that is an error. `name` is the last part of its type."""

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})

    def to_response(self) -> Response:
        """As problem+json."""
        body: dict[str, Any] = {
            "type": TYPE_PREFIX + self.name,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        # In ASCII: a value that is sent back may hold half of a surrogate pair, which JSON can
        # spell and UTF-8 cannot.
        content = json.dumps(body, separators=(",", ":"), allow_nan=False)
        return Response(content, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def field_error(field: str, value: object, expected: str) -> dict[str, Any]:
    """One wrong value. A value that may be a secret is never sent back."""
    error: dict[str, Any] = {"field": field, "expected": expected}
    if not any(word in field.lower() for word in SECRET_WORDS) and _plain(value):
        error["value"] = str(value)[:VALUE_LENGTH_MAX] if isinstance(value, str) else value
    return error


def invalid(field: str, value: object, expected: str) -> Problem:
    """422 for one field."""
    return Problem(
        422,
        "invalid",
        f"{field}: {expected}",
        errors=[field_error(field, value, expected)],
    )


def from_refusal(refusal: Refusal) -> Problem:
    """The status of each kind of refusal."""
    match refusal:
        case NotFound():
            return Problem(404, "not-found", str(refusal))
        case Invalid():
            return invalid(refusal.field, refusal.value, refusal.expected)
        case TooManyWaiting():
            return Problem(429, "too-many-orders", str(refusal), headers={"Retry-After": "30"})
        case TooMany():
            return Problem(409, "limit-reached", str(refusal))
        case Conflict():
            return Problem(409, "conflict", str(refusal))
    return Problem(409, "refused", str(refusal))


def install(app: FastAPI) -> None:
    """Translate every error of this application."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(TariffInvalid, _tariff)
    for kind in (TokenInvalid, MoneyInvalid, UnknownCurrency, OrderTooLarge, UnknownOrderKind):
        app.add_exception_handler(kind, _domain)
    app.add_exception_handler(DataError, _data)
    app.add_exception_handler(IntegrityError, _integrity)
    for outage in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(outage, _unavailable)
    app.add_exception_handler(Exception, _crash)


def _plain(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)  # Python reads NaN and 1e400, and JSON cannot say them
    return value is None or isinstance(value, str | int | bool)


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class alone
    return error.to_response()


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for this class alone
    return from_refusal(error).to_response()


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
    errors = [
        field_error(_place(item["loc"]), item.get("input"), _expected(item))
        for item in error.errors()[:ERRORS_MAX]
    ]
    count = len(error.errors())
    detail = "one value is wrong" if count == 1 else f"{count} values are wrong"
    return Problem(422, "invalid", detail, errors=errors).to_response()


def _place(location: Sequence[Any]) -> str:
    """`("body", "evses", 0, "number")` as `evses[0].number`; the query's are named as such."""
    parts = list(location)
    prefix = ""
    if parts and parts[0] in ("body", "query", "path", "header"):
        where = parts.pop(0)
        prefix = "" if where == "body" and parts else f"{where}"
    text = prefix
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else str(part)
    return text or "body"


def _expected(item: Mapping[str, Any]) -> str:
    if item.get("type") == "extra_forbidden" and item["loc"][0] == "body":
        return "unknown field: leave it out"
    if item.get("type") in ("model_type", "model_attributes_type", "dict_type"):
        return "an object in braces"
    return str(item.get("msg", "another value")).removeprefix("Value error, ")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    phrase, detail = HTTPStatus(error.status_code).phrase, str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND and detail == phrase:
        detail = f"no such address: {request.url.path[:PATH_MAX]}"  # no route matched
    name = phrase.lower().replace(" ", "-")
    return Problem(error.status_code, name, detail, headers=error.headers).to_response()


async def _tariff(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TariffInvalid)  # noqa: S101 - registered for this class alone
    return invalid(error.field, error.value, error.expected).to_response()


async def _domain(_request: Request, error: Exception) -> Response:
    return Problem(422, "invalid", str(error)).to_response()


async def _data(_request: Request, _error: Exception) -> Response:
    return Problem(422, "invalid", "a value cannot be stored: too large, or not text").to_response()


async def _integrity(_request: Request, error: Exception) -> Response:
    """Two callers wrote at once: the database kept the first."""
    assert isinstance(error, IntegrityError)  # noqa: S101 - registered for this class alone
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    log.info("write refused by a constraint", constraint=constraint)
    return Problem(409, "conflict", "it was changed by another request").to_response()


async def _unavailable(_request: Request, error: Exception) -> Response:
    log.warning("database unavailable", kind=type(error).__name__)
    return Problem(
        503, "database-unavailable", "the database does not answer", headers={"Retry-After": "2"}
    ).to_response()


async def _crash(request: Request, error: Exception) -> Response:
    # Statement parameters may hold personal data: the kind and the place are enough to find it.
    log.error("request crashed", path=request.scope.get("path"), kind=type(error).__name__)
    return Problem(500, "internal", "something went wrong on our side").to_response()
