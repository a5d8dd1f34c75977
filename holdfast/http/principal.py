"""Who is asking: a bearer key becomes an organization, a role and its permissions."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRequest
from holdfast.http.permissions import ROLE_PERMISSIONS, Permission
from holdfast.http.problems import Problem
from holdfast.http.rate_limit import RateLimit
from holdfast.services.api_keys import KEY_LENGTH_MAX, KeyHolder, find_holder
from holdfast.settings import Settings

bearer = HTTPBearer(auto_error=False, scheme_name="APIKey", description="Authorization: Bearer KEY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The key that asks. `actor` is how the audit log names it."""

    key_id: UUID
    organization_id: UUID
    organization: str
    role: str

    @property
    def actor(self) -> str:
        return f"key:{self.key_id}"

    def may(self, permission: Permission) -> bool:
        """Whether the role has the permission."""
        return permission in ROLE_PERMISSIONS.get(self.role, frozenset())


class RateLimits:
    """The limits of one process: per key, and for wrong keys per address."""

    def __init__(self) -> None:
        self.keys = RateLimit(per_s=200, burst=1_000)
        self.strangers = RateLimit(per_s=1, burst=60)


def principal_of(holder: KeyHolder) -> Principal:
    """The principal of a key that was found; pages use it for their cookie too."""
    return Principal(
        key_id=holder.key_id,
        organization_id=holder.organization_id,
        organization=holder.organization,
        role=holder.role,
    )


def unauthorized(detail: str) -> Problem:
    """401, with how to do better."""
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


async def authenticate(
    request: Request,
    db: Db,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Principal:
    """The holder of the key. Raises a Problem: 401, or 429 after too many wrong keys."""
    settings: Settings = request.app.state.settings
    limits: RateLimits = request.app.state.rate_limits
    address = request.client.host if request.client is not None else "unknown"
    now = time.monotonic()
    if credentials is None:
        raise unauthorized("send your API key as 'Authorization: Bearer KEY'")
    # A guesser is stopped before the database is asked.
    if wait_s := limits.strangers.wait_s(address, now, take=False):
        raise too_often(wait_s)
    key = credentials.credentials
    holder = None
    if 1 <= len(key) <= KEY_LENGTH_MAX:
        holder = await find_holder(db, settings.secret_key.get_secret_value(), key)
    if holder is None:
        limits.strangers.wait_s(address, now)
        raise unauthorized("this API key is unknown, revoked or expired")
    if wait_s := limits.keys.wait_s(str(holder.key_id), now):
        raise too_often(wait_s)
    return principal_of(holder)


def too_often(wait_s: int) -> Problem:
    """429, with when to come back."""
    return Problem(
        429, "too-many-requests", f"try again in {wait_s} s", headers={"Retry-After": str(wait_s)}
    )


def allowed(permission: Permission) -> Callable[..., Awaitable[Principal]]:
    """A dependency: the principal, who has this permission. 403 otherwise.

    It also settles the request's Idempotency-Key, which belongs to the key that asks.
    """

    async def principal(
        request: Request, db: Db, holder: Annotated[Principal, Depends(authenticate)]
    ) -> Principal:
        if not holder.may(permission):
            raise Problem(
                403,
                "forbidden",
                f"the role {holder.role} lacks the permission {permission.value!r}",
            )
        await IdempotentRequest.settle(request, db, holder.organization_id, holder.key_id)
        return holder

    # Read by the OpenAPI document and by the test that no route is without one.
    principal.permission = permission  # type: ignore[attr-defined]
    return principal


Reader = Annotated[Principal, Depends(allowed(Permission.READ))]
MessageReader = Annotated[Principal, Depends(allowed(Permission.READ_MESSAGES))]
Auditor = Annotated[Principal, Depends(allowed(Permission.READ_AUDIT))]
Administrator = Annotated[Principal, Depends(allowed(Permission.ADMINISTER))]
NetworkWriter = Annotated[Principal, Depends(allowed(Permission.WRITE_NETWORK))]
DriverWriter = Annotated[Principal, Depends(allowed(Permission.WRITE_DRIVERS))]
TariffWriter = Annotated[Principal, Depends(allowed(Permission.WRITE_TARIFFS))]
TariffApprover = Annotated[Principal, Depends(allowed(Permission.APPROVE_TARIFFS))]
Commander = Annotated[Principal, Depends(allowed(Permission.COMMAND))]
Expert = Annotated[Principal, Depends(allowed(Permission.OCPP_CALL))]
SessionDecider = Annotated[Principal, Depends(allowed(Permission.DECIDE_SESSIONS))]
PaymentTaker = Annotated[Principal, Depends(allowed(Permission.TAKE_PAYMENTS))]
PaymentDecider = Annotated[Principal, Depends(allowed(Permission.DECIDE_PAYMENTS))]
FactDecider = Annotated[Principal, Depends(allowed(Permission.DECIDE_FACTS))]
