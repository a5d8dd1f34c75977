"""Plants each wrong behaviour in a copy of the engine and runs the engine's tests on it.

Prints a line per behaviour: the test that caught it, or that it survived; ends with 1 if one did.
Arguments: words; only behaviours whose name has one of them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutation.planted import PLANTED, Planted

ROOT = Path(__file__).parents[2]
SUITE = ("tests/domain/pricing", "tests/domain/tariff", "tests/domain/test_limits.py")
COPIED = ("holdfast", "tests/domain", "tests/__init__.py", "pyproject.toml")
WORKERS = 2
PATIENCE_S = 300


def main(words: list[str]) -> int:
    """0 where the suite passes as it is and catches everything planted."""
    chosen = [one for one in PLANTED if not words or any(word in one.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(WORKERS):
            copies.put(_copy(Path(folder) / str(number)))
        first = copies.get()
        if (failed := _caught_by(first)) is not None:
            print(f"the suite fails as it is: {failed}")
            return 1
        copies.put(first)
        survived = 0
        for planted, caught_by in _results(chosen, copies):
            survived += caught_by is None
            print(f"{planted.name}: {caught_by or 'SURVIVED'}", flush=True)
    print(f"{len(chosen)} planted, {len(chosen) - survived} caught, {survived} survived")
    return 1 if survived or not chosen else 0


def _results(
    chosen: list[Planted], copies: "SimpleQueue[Path]"
) -> Iterator[tuple[Planted, str | None]]:
    def attempt(planted: Planted) -> str | None:
        copy = copies.get()
        source = copy / planted.path
        right = source.read_text()
        try:
            source.write_text(right.replace(planted.right, planted.wrong))
            return _caught_by(copy)
        finally:
            source.write_text(right)
            copies.put(copy)

    with ThreadPoolExecutor(WORKERS) as pool:
        yield from zip(chosen, pool.map(attempt, chosen), strict=True)


def _caught_by(copy: Path) -> str | None:
    """The first test that fails in the copy; None where all pass."""
    try:
        run = subprocess.run(  # noqa: S603 - our own interpreter on our own tests
            [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *SUITE],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {PATIENCE_S} s"
    if run.returncode == 0:
        return None
    lines = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0].split(" - ")[0] if lines else f"pytest ended with {run.returncode}"


def _copy(folder: Path) -> Path:
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
