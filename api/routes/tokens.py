"""Tokens: one by one, and many from and to CSV."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, StringConstraints

from api.routes.fields import Input, Instant, Line, Output, TokenUid
from holdfast.domain.authorization import CONCURRENT_MAX
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import DriverWriter, Reader
from holdfast.http.problems import Problem
from holdfast.http.wrong_values import Said
from holdfast.services import audit, token_import, tokens
from holdfast.store.tables import Token

router = APIRouter(prefix="/tokens", tags=["tokens"], route_class=IdempotentRoute)

Status = Literal["accepted", "blocked", "expired"]
Language = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,4})?$"),
    Said("use a language, such as en or de-AT"),
]
CSV = "text/csv"
CSV_TYPES = (CSV, "application/csv", "application/vnd.ms-excel", "text/plain")


class TokenShown(Output):
    """What identifies a driver."""

    id: UUID
    type: str
    uid: str
    status: str
    account: UUID | None
    user_group: Annotated[UUID | None, Field(description="Its own; else its account's counts.")]
    visual_number: str | None
    group_id: str | None
    valid_until: datetime | None
    note: str | None
    language: str | None
    message: str | None
    charging_priority: int | None
    sites: list[UUID] | None
    current_type: str | None
    concurrent_max: int | None
    created_at: datetime
    changed_at: datetime


class TokenRules(Input):
    """How stations of OCPP 2.x speak to the driver (`language`, `message`, `charging_priority`),
    and where and how often the token may charge: `sites` by id, only AC or DC, at most
    `concurrent_max` transactions at once. What is left out is no limit."""

    language: Language | None = None
    message: Line | None = None
    charging_priority: Annotated[int, Field(ge=-9, le=9)] | None = None
    sites: Annotated[list[UUID], Field(max_length=1_000)] | None = None
    current_type: Literal["AC", "DC"] | None = None
    concurrent_max: Annotated[int, Field(ge=1, le=CONCURRENT_MAX)] | None = None


class NewToken(TokenRules):
    """`type` as in OCPI or OCPP 2.x: RFID, ISO14443, APP_USER, eMAID and so on."""

    type: Line
    uid: TokenUid
    status: Status = "accepted"
    account: UUID | None = None
    user_group: UUID | None = None
    visual_number: Line | None = None
    group_id: Line | None = None
    valid_until: Instant | None = None
    note: Line | None = None


class TokenChange(TokenRules):
    """Only the fields that are sent are changed; the uid stays."""

    type: Line | None = None
    status: Status | None = None
    account: UUID | None = None
    user_group: UUID | None = None
    visual_number: Line | None = None
    group_id: Line | None = None
    valid_until: Instant | None = None
    note: Line | None = None


class LineErrorShown(Output):
    """What is wrong in one line; the header is line 1."""

    line: int
    field: str
    expected: str


class ImportShown(Output):
    """What the import did, or as a dry run would have done."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    error_count: int
    errors: list[LineErrorShown]


@router.get("")
async def list_tokens(
    db: Db,
    reader: Reader,
    asked: Asked,
    status: Status | None = None,
    uid: Annotated[TokenUid | None, Query(description="In any case.")] = None,
    account: UUID | None = None,
    user_group: UUID | None = None,
) -> Page[TokenShown]:
    """Oldest first."""
    rows = await tokens.list_tokens(
        db,
        reader.organization_id,
        asked,
        status=status,
        uid=uid,
        account_id=account,
        user_group_id=user_group,
    )
    return page(rows, to_token)


@router.get("/export", response_class=Response, responses={200: {"content": {CSV: {}}}})
async def export_tokens(db: Db, writer: DriverWriter) -> Response:
    """All tokens as CSV; cells that a spreadsheet would run start with an apostrophe."""
    content = await token_import.export_tokens(db, writer.organization_id)
    await _audit(db, writer, "export", "tokens", {})
    return Response(
        content,
        media_type=f"{CSV}; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="tokens.csv"'},
    )


@router.post(
    "/import",
    openapi_extra={"requestBody": {"content": {CSV: {"schema": {"type": "string"}}}}},
)
async def import_tokens(
    request: Request,
    db: Db,
    writer: DriverWriter,
    dry_run: Annotated[bool, Query(description="Only say what it would do.")] = False,
) -> ImportShown:
    """Create and update tokens from CSV by uid: all lines or none.

    UTF-8, a header line with `uid,type` and any of `status, visual_number, group_id, valid_until,
    note, account`.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in CSV_TYPES:
        raise Problem(415, "unsupported-media-type", f"send the file itself as {CSV}")
    done = await token_import.import_tokens(
        db, writer.organization_id, await request.body(), dry_run=dry_run
    )
    shown = ImportShown(
        dry_run=dry_run,
        created=done.created,
        updated=done.updated,
        unchanged=done.unchanged,
        error_count=done.error_count,
        errors=[LineErrorShown.model_validate(error) for error in done.errors],
    )
    if dry_run:
        return shown
    if done.error_count:
        raise Problem(
            422,
            "import-refused",
            f"{done.error_count} mistakes: nothing was imported",
            errors=[error.model_dump() for error in shown.errors],
        )
    counts = {"created": done.created, "updated": done.updated, "unchanged": done.unchanged}
    await _audit(db, writer, "import", "tokens", counts)
    return shown


@router.post("", status_code=201)
async def make_token(new: NewToken, db: Db, writer: DriverWriter) -> TokenShown:
    """Make a token. Its uid is unique in any case."""
    values = _columns(new.model_dump())
    row = await tokens.create_token(db, writer.organization_id, values)
    await _audit(db, writer, "create", f"token:{row.id}", {"status": row.status})
    return to_token(row)


@router.get("/{token_id}")
async def read_token(token_id: UUID, db: Db, reader: Reader) -> TokenShown:
    """One token."""
    return to_token(await tokens.get_token(db, reader.organization_id, token_id))


@router.patch("/{token_id}")
async def change_token(
    token_id: UUID, change: TokenChange, db: Db, writer: DriverWriter
) -> TokenShown:
    """Only the fields that are sent are changed."""
    values = _columns(change.model_dump(exclude_unset=True))
    for name in ("type", "status"):
        if values.get(name, "") is None:
            del values[name]
    row = await tokens.update_token(db, writer.organization_id, token_id, values)
    details = {"fields": sorted(values), "status": row.status}
    await _audit(db, writer, "change", f"token:{token_id}", details)
    return to_token(row)


@router.delete("/{token_id}", status_code=204)
async def delete_token(token_id: UUID, db: Db, writer: DriverWriter) -> None:
    """Only one that never charged; block it otherwise."""
    await tokens.delete_token(db, writer.organization_id, token_id)
    await _audit(db, writer, "delete", f"token:{token_id}", {})


def to_token(row: Token) -> TokenShown:
    """The answer."""
    elsewhere = {
        "account": row.account_id,
        "sites": row.site_ids,
        "user_group": row.user_group_id,
    }
    columns = {
        name: getattr(row, name) for name in TokenShown.model_fields if name not in elsewhere
    }
    return TokenShown(**columns, **elsewhere)


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    """Fields as the table calls them."""
    for name in ("account", "user_group"):
        if name in values:
            values[f"{name}_id"] = values.pop(name)
    if "sites" in values:
        sites = values.pop("sites")
        values["site_ids"] = None if sites is None else [str(site) for site in sites]
    return values


async def _audit(
    db: Db, writer: DriverWriter, verb: str, subject: str, details: Mapping[str, object]
) -> None:
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action=f"token.{verb}",
        subject=subject,
        details=details,
    )
