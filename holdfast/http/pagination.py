"""Lists: `{"items": [...], "next": cursor or null}`, with `limit` and an opaque `cursor`."""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel

from holdfast.http.problems import invalid
from holdfast.services.slices import LIMIT_DEFAULT, LIMIT_MAX, Slice, SliceAsked

Item = TypeVar("Item")
Row = TypeVar("Row")

CURSOR_MARK = b"\x01"  # the version of the cursor's form


class Page(BaseModel, Generic[Item]):
    """A page of a list. `next` goes into `cursor` for the page after it; null on the last."""

    items: list[Item]
    next: str | None = None


def to_cursor(row_id: UUID | None) -> str | None:
    """Opaque to callers: the id of the last row."""
    if row_id is None:
        return None
    return base64.urlsafe_b64encode(CURSOR_MARK + row_id.bytes).decode().rstrip("=")


def from_cursor(cursor: str) -> UUID:
    """Raises a Problem (422) where it is none of ours."""
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != 17 or content[:1] != CURSOR_MARK:
        raise invalid("query.cursor", cursor, "use the value of `next` as it was given")
    return UUID(bytes=content[1:])


def asked_slice(
    limit: Annotated[
        int, Query(ge=1, le=LIMIT_MAX, description="How many items at most.")
    ] = LIMIT_DEFAULT,
    cursor: Annotated[
        str | None, Query(max_length=64, description="`next` of the page before.")
    ] = None,
) -> SliceAsked:
    """The slice of a list that a request asks for."""
    return SliceAsked(limit=limit, after=None if cursor is None else from_cursor(cursor))


Asked = Annotated[SliceAsked, Depends(asked_slice)]


def page(rows: Slice[Row], show: Callable[[Row], Item]) -> Page[Item]:
    """A slice as a page of shown items."""
    return Page(items=[show(row) for row in rows.items], next=to_cursor(rows.next))


def page_of(
    rows: Iterable[Row],
    asked: SliceAsked,
    id_of: Callable[[Row], UUID],
    show: Callable[[Row], Item],
) -> Page[Item]:
    """A page of a list that is at hand whole. Its ids grow: each is above the one before."""
    rest = [row for row in rows if asked.after is None or id_of(row) > asked.after]
    taken = rest[: asked.limit]
    more = len(rest) > len(taken)
    return Page(
        items=[show(row) for row in taken], next=to_cursor(id_of(taken[-1]) if more else None)
    )
