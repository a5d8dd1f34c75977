"""The log files of the children: written by them, kept small by us.

Each child holds its file open itself instead of writing into a pipe of ours: when `up` is killed,
nothing breaks in the children. So a log cannot be rotated by renaming it. It is copied and then
cut to nothing; a line written between the two is lost, which a debug log can bear.
"""

import os
import shutil
from pathlib import Path

LOG_BYTES_MAX = 10 * 1024 * 1024
LOG_COPIES_MAX = 3
TAIL_BYTES_MAX = 16 * 1024


def open_log(path: Path) -> int:
    """A file descriptor for a child's output. The caller closes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # O_APPEND: after a cut, the child goes on at the new end instead of leaving a hole.
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def rotate(path: Path, *, bytes_max: int = LOG_BYTES_MAX, copies_max: int = LOG_COPIES_MAX) -> bool:
    """Move the content of an overlong log to `NAME.1` and older copies on. True if it did."""
    if not path.exists() or path.stat().st_size <= bytes_max:
        return False
    for number in range(copies_max - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)
    return True


def rotate_all(folder: Path) -> None:
    """Rotate every log in `folder` that needs it."""
    for path in sorted(folder.glob("*.log")):
        rotate(path)


def tail(path: Path, lines_max: int = 12) -> list[str]:
    """The last lines of a log, oldest first; empty if there is none."""
    if not path.exists():
        return []
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - TAIL_BYTES_MAX))
        text = log.read(TAIL_BYTES_MAX).decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()][-lines_max:]
