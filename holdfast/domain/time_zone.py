"""The time zone of a place, by its name: its clock decides which price counts when."""

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class UnknownZone(ValueError):
    """Not a name of the IANA time zone database."""


@lru_cache(maxsize=1_024)
def time_zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises `UnknownZone`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZone(
            f"{name[:80]!r} is no time zone: use one such as Europe/Berlin"
        ) from error
