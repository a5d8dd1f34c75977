"""What `up` says: a live line in a terminal, plain lines with a time anywhere else.

A terminal may go away while we run (a closed window, a dead pipe). Then nothing is said any more,
and the work goes on: stopping chargers because nobody reads would be absurd.
"""

import contextlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console
from rich.status import Status
from rich.text import Text


class Terminal:
    """The one place that prints. Safe to use with no terminal, and after losing it."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._status: Status | None = None
        self._gone = False

    @property
    def is_live(self) -> bool:
        """Whether a person at a terminal reads this."""
        return self._console.is_terminal and not self._gone

    def say(self, text: str) -> None:
        """One line about something that happened."""
        if self._console.is_terminal:
            self._print(Text(text))
        else:
            self._print(Text(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}"))

    def heading(self, lines: dict[str, str]) -> None:
        """Names and addresses, one below the other."""
        width = max(len(name) for name in lines)
        for name, value in lines.items():
            self._print(Text(f"  {name.ljust(width)}  {value}"))

    def step(self, text: str) -> None:
        """What is being done now: in the live line, or as a line of its own."""
        if self.is_live:
            self.show(text)
        else:
            self.say(text)

    def show(self, line: str) -> None:
        """Replace the live line; nothing without a terminal."""
        if not self.is_live:
            return
        with self._survive():
            if self._status is None:
                self._status = self._console.status(Text(line), spinner="dots")
                self._status.start()
            else:
                self._status.update(Text(line))

    def close(self) -> None:
        """End the live line."""
        if self._status is not None:
            with self._survive():
                self._status.stop()
            self._status = None

    def _print(self, text: Text) -> None:
        if self._gone:
            return
        with self._survive():
            self._console.print(text)
            sys.stdout.flush()

    @contextlib.contextmanager
    def _survive(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):
            self._gone = True
