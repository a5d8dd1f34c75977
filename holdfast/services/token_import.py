"""Tokens from and to CSV. All lines or none; every mistake is named with its line."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, inspect
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import local_lists
from holdfast.services.refusal import Invalid, TooMany
from holdfast.services.scope import owned
from holdfast.services.token_caches import clear_after_block
from holdfast.services.tokens import normal_status, normal_type, normal_uid
from holdfast.store.tables import Account, Token

COLUMNS = ("uid", "type", "status", "visual_number", "group_id", "valid_until", "note", "account")
REQUIRED = ("uid", "type")
LINES_MAX = 20_000
ERRORS_MAX = 100
EXPORTED_MAX = 200_000
CELL_LENGTH_MAX = 500
# A spreadsheet takes a cell that starts so for a formula, and would run it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
GUARD = "'"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineError:
    """What is wrong in one line. The header is line 1. A uid is never repeated here."""

    line: int
    field: str
    expected: str


@dataclass(slots=True, kw_only=True)
class TokenImport:
    """What an import did, or with mistakes (or as a dry run) would have done."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    error_count: int = 0
    errors: list[LineError] = field(default_factory=list)

    def wrong(self, line: int, name: str, expected: str) -> None:
        """Count a mistake; keep the first `ERRORS_MAX`."""
        self.error_count += 1
        if len(self.errors) < ERRORS_MAX:
            self.errors.append(LineError(line=line, field=name, expected=expected))


async def import_tokens(
    db: AsyncSession, organization_id: UUID, content: bytes, *, dry_run: bool = False
) -> TokenImport:
    """Create and update tokens by uid; a column that is absent leaves what is there.

    UTF-8, comma or semicolon, a header line with columns of `COLUMNS`; `account` is an account's
    id or e-mail address. Nothing is written where a line is wrong. Raises Invalid (not such a
    file), TooMany.
    """
    result = TokenImport()
    accounts = await _accounts(db, organization_id)
    known = {token.uid.upper(): token for token in await db.scalars(owned(Token, organization_id))}
    seen: set[str] = set()
    fresh: list[dict[str, Any]] = []
    blocked: list[UUID] = []
    for line, cells in _lines(content, result):
        columns = _columns(line, cells, accounts, result)
        if columns is None:
            continue
        uid = columns["uid"]
        if uid in seen:
            result.wrong(line, "uid", "is in an earlier line too: name each token once")
            continue
        seen.add(uid)
        token = known.get(uid)
        if token is None:
            result.created += 1
            fresh.append(columns)
        elif _apply(token, columns):
            result.updated += 1
            blocked += [token.id] if _was_blocked_now(token) else []
        else:
            result.unchanged += 1
    if result.error_count or dry_run:
        db.expunge_all()  # forget the changes: they were only tried
    elif fresh:
        await _insert(db, organization_id, fresh)
    if not (result.error_count or dry_run) and result.created + result.updated:
        await db.flush()
        now = datetime.now(UTC)
        await local_lists.tokens_changed(db, organization_id, now)
        if blocked:
            await clear_after_block(db, organization_id, now, token_ids=blocked)
    return result


async def export_tokens(db: AsyncSession, organization_id: UUID) -> str:
    """All tokens as CSV that a spreadsheet opens without running anything. Raises TooMany."""
    rows = (
        await db.scalars(owned(Token, organization_id).order_by(Token.id).limit(EXPORTED_MAX + 1))
    ).all()
    if len(rows) > EXPORTED_MAX:
        raise TooMany(f"more than {EXPORTED_MAX} tokens: read them in pages instead")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for token in rows:
        writer.writerow(
            [
                guarded(cell)
                for cell in (
                    token.uid,
                    token.type,
                    token.status,
                    token.visual_number,
                    token.group_id,
                    token.valid_until.isoformat() if token.valid_until else None,
                    token.note,
                    str(token.account_id) if token.account_id else None,
                )
            ]
        )
    return out.getvalue()


def guarded(cell: str | None) -> str:
    """A cell that is only text to a spreadsheet. `_plain` takes it back."""
    if cell is None:
        return ""
    return GUARD + cell if cell.startswith((*FORMULA_STARTS, GUARD)) else cell


def _plain(cell: str) -> str:
    text = cell.strip()
    if text.startswith(GUARD) and text[1:].startswith((*FORMULA_STARTS, GUARD)):
        return text[1:]
    return text


def _lines(content: bytes, result: TokenImport) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line's number and its cells by column."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("body", "not UTF-8", "send the file in UTF-8") from None
    if "\0" in text:
        raise Invalid("body", "a NUL character", "send a text file")
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        _check_header(header)
        for cells in reader:
            line = reader.line_num
            if line > LINES_MAX + 1:
                raise TooMany(f"more than {LINES_MAX} lines: split the file")
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                result.wrong(line, "line", f"{len(header)} cells, as the header has")
                continue
            yield line, dict(zip(header, map(_plain, cells), strict=True))
    except csv.Error as error:
        raise Invalid("body", f"line {reader.line_num}", f"send valid CSV: {error}") from None


def _check_header(header: list[str]) -> None:
    unknown = sorted(set(header) - set(COLUMNS))
    if unknown or len(set(header)) != len(header):
        raise Invalid("header", ",".join(unknown or header), f"use {', '.join(COLUMNS)}, each once")
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise Invalid("header", ",".join(header), f"add the column {' and '.join(missing)}")


def _columns(
    line: int, cells: Mapping[str, str], accounts: Mapping[str, UUID], result: TokenImport
) -> dict[str, Any] | None:
    """The columns of the table, or None where something is wrong."""
    before = result.error_count
    columns: dict[str, Any] = {}
    for name, cell in cells.items():
        if len(cell) > CELL_LENGTH_MAX:
            result.wrong(line, name, f"at most {CELL_LENGTH_MAX} characters")
            continue
        try:
            if name == "uid":
                columns[name] = normal_uid(cell)
            elif name == "type":
                columns[name] = normal_type(cell)
            elif name == "status":
                columns[name] = normal_status(cell.lower() or "accepted")
            elif name == "valid_until":
                columns[name] = _instant(cell)
            elif name == "account":
                columns["account_id"] = _account(cell, accounts)
            else:
                columns[name] = cell or None
        except Invalid as error:
            result.wrong(line, name, error.expected)
    return columns if result.error_count == before else None


def _instant(cell: str) -> datetime | None:
    if not cell:
        return None
    try:
        instant = datetime.fromisoformat(cell)
    except ValueError:
        raise Invalid("valid_until", cell, "use a time such as 2027-01-31T00:00:00Z") from None
    if instant.tzinfo is None:
        raise Invalid("valid_until", cell, "say the zone, such as 2027-01-31T00:00:00Z")
    return instant.astimezone(UTC)


def _account(cell: str, accounts: Mapping[str, UUID]) -> UUID | None:
    if not cell:
        return None
    found = accounts.get(cell.lower())
    if found is None:
        raise Invalid("account", cell, "use the id or e-mail address of an account")
    return found


async def _accounts(db: AsyncSession, organization_id: UUID) -> dict[str, UUID]:
    """By id and by address. An address of two accounts means neither."""
    by_name: dict[str, UUID] = {}
    twice: set[str] = set()
    for account in await db.scalars(owned(Account, organization_id)):
        by_name[str(account.id)] = account.id
        if account.email is not None:
            address = account.email.lower()
            if address in by_name:
                twice.add(address)
            by_name[address] = account.id
    return {name: found for name, found in by_name.items() if name not in twice}


def _was_blocked_now(token: Token) -> bool:
    """By a change that is not in the database yet."""
    history = inspect(token).attrs.status.history
    return history.has_changes() and token.status == "blocked"


def _apply(token: Token, columns: Mapping[str, Any]) -> bool:
    changed = False
    for name, value in columns.items():
        if name != "uid" and getattr(token, name) != value:
            setattr(token, name, value)
            changed = True
    if changed:
        token.changed_at = datetime.now(UTC)
    return changed


async def _insert(db: AsyncSession, organization_id: UUID, fresh: list[dict[str, Any]]) -> None:
    unset = dict.fromkeys(("visual_number", "group_id", "valid_until", "note", "account_id"))
    for start in range(0, len(fresh), 1_000):
        await db.execute(
            insert(Token),
            [
                {
                    **unset,
                    "status": "accepted",
                    "organization_id": organization_id,
                    **columns,
                }
                for columns in fresh[start : start + 1_000]
            ],
        )
    await db.flush()
