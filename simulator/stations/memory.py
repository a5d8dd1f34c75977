"""What a station remembers beyond its settings: lists, profiles, certificates, as JSON on its disk.

Each kind of thing is one document under one name; modules that own a kind read and write it whole.
"""

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from simulator.stations.settings import Settings

PREFIX = "memory."


class Memory:
    """Documents by name. What was never stored costs nothing."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._parsed: dict[str, Any] = {}

    def read(self, name: str, default: Any) -> Any:
        """The document, or the default. Change what you get and `write` it."""
        if name not in self._parsed:
            raw = self._settings.text(PREFIX + name)
            if raw is None:
                return default
            self._parsed[name] = orjson.loads(raw)
        return self._parsed[name]

    def write(self, name: str, document: Any) -> None:
        """Keep it, across reboots too."""
        self._parsed[name] = document
        self._settings.change(PREFIX + name, orjson.dumps(document).decode())
