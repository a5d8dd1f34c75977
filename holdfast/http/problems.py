"""Errors as RFC 9457 problem+json: what is wrong, where, and what would be right.

Each expected failure is translated here, once. What is not known here is a 500 without details:
the log has them, the caller does not.
"""

import json
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
from holdfast.http.wrong_values import field_error, from_item, sentence
from holdfast.services.orders import OrderTooLarge, TooManyWaiting, UnknownOrderKind
from holdfast.services.refusal import Conflict, Invalid, NotFound, Refusal, TooMany

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:holdfast:problem:"
ERRORS_MAX = 50
SAID_MAX = 5  # of them in the sentence; all that are listed have their own
UNREADABLE = "There was an error parsing the body"  # the framework's word for other mistakes in it
PATH_MAX = 200  # characters of an address that nothing answers

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


def invalid(field: str, value: object, expected: str) -> Problem:
    """422 for one field."""
    error = field_error(field, value, expected)
    return Problem(422, "invalid", sentence(error), errors=[error])


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


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class alone
    return error.to_response()


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for this class alone
    return from_refusal(error).to_response()


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
    found = error.errors()
    # Where the request is of a route: what its body should be says which names would be right.
    form = getattr(getattr(request.scope.get("route"), "body_field", None), "field_info", None)
    annotation = getattr(form, "annotation", None)
    errors = [from_item(item, annotation, error.body) for item in found[:ERRORS_MAX]]
    said = "; ".join(sentence(each) for each in errors[:SAID_MAX])
    if len(found) > 1:
        said = f"{len(found)} values are wrong: {said}"
    if len(found) > SAID_MAX:
        said += f"; and {len(found) - SAID_MAX} more"
    return Problem(422, "invalid", said, errors=errors).to_response()


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    phrase, detail = HTTPStatus(error.status_code).phrase, str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND and detail == phrase:
        detail = f"no such address: {request.url.path[:PATH_MAX]}"  # no route matched
    if error.status_code == HTTPStatus.BAD_REQUEST and detail == UNREADABLE:
        detail = "the body is not JSON in UTF-8 that can be read"
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
