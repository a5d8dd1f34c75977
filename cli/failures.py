"""Why something cannot start, as one sentence for the person at the terminal.

Every expected failure of `up` ends as `CannotStart`; the command prints its sentence and exits 1.
"""

import errno
from pathlib import Path

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class CannotStart(Exception):
    """What stands in the way, and what the reader can do about it, in one sentence."""


def disk_full(where: Path | str) -> CannotStart:
    """No room is left for `where`."""
    return CannotStart(
        f"The disk that holds {where} is full: free some space, "
        "or choose another folder with --state-dir."
    )


def from_os_error(error: OSError, where: Path | str) -> CannotStart:
    """Put the operating system's refusal about `where` into words."""
    place = error.filename or where
    if error.errno in DISK_FULL:
        return disk_full(place)
    if error.errno in NOT_ALLOWED:
        return CannotStart(
            f"No permission to write to {place}: choose another folder with --state-dir, "
            "or run as the user that owns it."
        )
    return CannotStart(f"Cannot use {place}: {(error.strerror or str(error)).lower()}.")
