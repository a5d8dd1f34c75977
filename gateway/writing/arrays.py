"""Columns of a batch as Postgres' own binary arrays.

A batch is some thirty columns of up to 256 values. psycopg looks at every value to find its type;
here the column's type is known, so a value costs a fraction of that.
Layout: `array_recv` and the `*_recv` functions of PostgreSQL.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from struct import Struct
from struct import error as StructError
from typing import Any, Final

import orjson
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD: Final = Struct(">iiiii")  # dimensions, has nulls, element type, length, lower bound
_SIZE: Final = Struct(">i")
_INT8: Final = Struct(">iq")
_NULL: Final = b"\xff\xff\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
# As orjson writes it; with one more backslash before it, it is the text "u0000".
_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_DAY_US: Final = 86_400_000_000


class Packed(bytes):
    """A whole array, ready to be sent. Its statement says of which type: `%b::uuid[]`."""


class _PackedDumper(Dumper):
    """Sends it as it is, and lets the server take the type from the cast beside it."""

    format = Format.BINARY
    oid = 0

    def dump(self, obj: Packed) -> Packed:
        return obj


def _bytes(value: bytes) -> bytes:
    return _SIZE.pack(len(value)) + value


def _text(value: str) -> bytes:
    return _bytes(value.encode())


def _jsonb(value: Any) -> bytes:
    written = orjson.dumps(value)
    if b"\\u0000" in written:
        # jsonb holds no NUL, and no station means one: it must not cost the values beside it. The
        # frame is kept as it came.
        written = _NUL.sub(rb"\1", written)
    return _bytes(b"\x01" + written)  # a version number comes first


def _uuid(value: Any) -> bytes:
    return b"\x00\x00\x00\x10" + value.bytes  # type: ignore[no-any-return]


def _bigint(value: int) -> bytes:
    return _INT8.pack(8, value)


def _boolean(value: bool) -> bytes:
    return b"\x00\x00\x00\x01\x01" if value else b"\x00\x00\x00\x01\x00"


def _timestamptz(value: datetime) -> bytes:
    since = value - _EPOCH
    return _INT8.pack(8, since.days * _DAY_US + since.seconds * 1_000_000 + since.microseconds)


# The object id of an element's type (pg_type.dat), and how one is written.
_TYPES: Final[dict[str, tuple[int, Callable[[Any], bytes]]]] = {
    "boolean": (16, _boolean),
    "bytea": (17, _bytes),
    "bigint": (20, _bigint),
    "text": (25, _text),
    "timestamptz": (1184, _timestamptz),
    "uuid": (2950, _uuid),
    "jsonb": (3802, _jsonb),
}


def pack(kind: str, values: Iterable[Any]) -> Packed:
    """A column of this type; None is NULL. Raises psycopg.DataError for a value that does not
    fit, as the server would."""
    oid, write = _TYPES[kind]
    try:
        items = [_NULL if value is None else write(value) for value in values]
    except (StructError, UnicodeError, orjson.JSONEncodeError) as error:
        raise psycopg.DataError(f"a value is no {kind}") from error
    return Packed(_HEAD.pack(1, 1, oid, len(items), 1) + b"".join(items))


psycopg.adapters.register_dumper(Packed, _PackedDumper)
