"""Refusals as Stripe words them: one exception, and a function per family.

Shapes: docs.stripe.com/api/errors and /error-codes. `executed` says whether the operation had
begun when it was refused: only such answers are kept under an idempotency key (docs.stripe.com/
api/idempotent_requests: failed validation and concurrent conflicts are not kept).
"""

from typing import Any

JsonObject = dict[str, Any]

DOC_URL = "https://stripe.com/docs/error-codes/"


class Refused(Exception):
    """A request that gets an error object instead of a result."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        executed: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.error: JsonObject = {"type": kind, "message": message}
        self.error.update({name: value for name, value in details.items() if value is not None})
        if "code" in self.error:
            code = str(self.error["code"])
            self.error["doc_url"] = DOC_URL + code.replace("_", "-")

    def body(self) -> JsonObject:
        return {"error": self.error}


def invalid(message: str, *, code: str | None = None, param: str | None = None) -> Refused:
    """A parameter that cannot be: refused before anything ran."""
    return Refused(400, "invalid_request_error", message, code=code, param=param)


def missing(kind: str, object_id: str, *, param: str = "id", in_path: bool = False) -> Refused:
    """No such object: 404 when the path names it, 400 when a parameter does."""
    return Refused(
        404 if in_path else 400,
        "invalid_request_error",
        f"No such {kind}: '{object_id}'",
        code="resource_missing",
        param=param,
    )


def state(message: str, *, code: str, param: str | None = None, **embedded: Any) -> Refused:
    """Refused by the state machine. The object comes along, so that the caller can look at it."""
    return Refused(
        400, "invalid_request_error", message, executed=True, code=code, param=param, **embedded
    )


def card(error: JsonObject, **embedded: Any) -> Refused:
    """The bank said no. What the attempt left behind (charge, events) stays."""
    details = {key: value for key, value in error.items() if key not in ("type", "message")}
    return Refused(
        402, "card_error", str(error["message"]), executed=True, **{**details, **embedded}
    )


def unauthorized(message: str) -> Refused:
    return Refused(401, "invalid_request_error", message)


def unknown_url(method: str, path: str) -> Refused:
    return Refused(
        404,
        "invalid_request_error",
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs.",
    )
