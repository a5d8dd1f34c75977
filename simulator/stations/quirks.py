"""What one station does otherwise than the book, or with limits of its own. All off by default."""

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

FirmwareOutcome = Literal[
    "installed", "download-failed", "invalid-signature", "installation-failed"
]
LogOutcome = Literal["uploaded", "upload-failed"]


class QuirkWrong(Exception):
    """No such quirk, or not a value for it; the message says what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """Limits a station reports and keeps, outcomes of its long jobs, and its bad habits."""

    firmware: FirmwareOutcome = "installed"
    log_upload: LogOutcome = "uploaded"
    local_list_chunk: int = 100
    local_list_max: int = 1_000
    report_part_size: int = 10
    variables_per_message: int = 50
    no_pings: bool = False
    null_heartbeat: bool = False
    seq_no_zero: bool = False
    spaced_json: bool = False
    minus_one_errors: bool = False
    silent_on_unknown: bool = False


def quirks_from(document: Any, where: str) -> Quirks:
    """Read a table of quirks. Raises `QuirkWrong`."""
    if not isinstance(document, dict):
        raise QuirkWrong(f"{where} must be a table of quirks, not {document!r}")
    known = {one.name for one in fields(Quirks)}
    hints = get_type_hints(Quirks)
    for name, value in document.items():
        if name not in known:
            raise QuirkWrong(f"{where}.{name} is not a quirk; there are {', '.join(sorted(known))}")
        kind = hints[name]
        allowed = get_args(kind)
        if allowed and value not in allowed:
            raise QuirkWrong(f"{where}.{name} = {value!r} must be one of {', '.join(allowed)}")
        if kind is bool and not isinstance(value, bool):
            raise QuirkWrong(f"{where}.{name} = {value!r} must be true or false")
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if kind is int and not (is_whole and 1 <= value <= 10_000):
            raise QuirkWrong(f"{where}.{name} = {value!r} must be a whole number from 1 to 10000")
    return Quirks(**document)
