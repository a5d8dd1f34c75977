"""Places that somebody picked for a tariff: boxes that were ticked and a list that was typed. Pure.

The form is posted whole at every step, so a field's name says the place and its value only that it
is ticked: `site.<id>`, `station.<identity>`. The typed list has a place a line: an identity, or an
identity and the number of its EVSE.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from holdfast.services.assignment_plans import Scope, Wanted
from web.live_page import uuid_or_none

SITE, STATION = "site.", "station."
LISTED_MAX = 100_000
"""Characters of the typed list: ample for the most places of a batch."""

_SEPARATORS = re.compile(r"[\n\r,;]+")
_EVSE = re.compile(r"(?P<station>\S+)\s+(?:EVSE\s+)?(?P<evse>[0-9]{1,4})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """What the form says. `listed` is the text as typed."""

    audience: str
    query: str
    sites: tuple[UUID, ...]
    stations: tuple[str, ...]
    listed: str

    @property
    def places(self) -> tuple[Scope, ...]:
        """Each place once, sites first, those of the typed list last; the audience is open."""
        scopes = [
            *(Scope(site_id=site) for site in self.sites),
            *(Scope(station=identity) for identity in self.stations),
            *(_place(line) for line in _lines(self.listed)),
        ]
        return tuple(dict.fromkeys(scopes))

    def wanted(self, tariff_id: UUID, audience: Scope) -> list[Wanted]:
        """The tariff at each of the places, for this audience."""
        return [
            Wanted(
                tariff_id=tariff_id,
                scope=replace(
                    audience, site_id=place.site_id, station=place.station, evse=place.evse
                ),
            )
            for place in self.places
        ]

    def without(self, numbers: Iterable[int]) -> "Picked":
        """Without the places of these numbers."""
        left_out = set(numbers)
        kept = [place for number, place in enumerate(self.places) if number not in left_out]
        ticked = set(self.stations)
        return replace(
            self,
            sites=tuple(place.site_id for place in kept if place.site_id is not None),
            stations=tuple(
                place.station
                for place in kept
                if place.station is not None and place.evse is None and place.station in ticked
            ),
            listed="\n".join(
                text_of(place)
                for place in kept
                if place.station is not None and (place.evse or place.station not in ticked)
            ),
        )


def read_picked(form: Mapping[str, str]) -> Picked:
    """The posted form. A box that names no site is left out."""
    sites = [uuid_or_none(name.removeprefix(SITE)) for name in form if name.startswith(SITE)]
    return Picked(
        audience=form.get("audience", ""),
        query=form.get("q", "").strip()[:100],
        sites=tuple(site for site in sites if site is not None),
        stations=tuple(name.removeprefix(STATION) for name in form if name.startswith(STATION)),
        listed=form.get("listed", ""),
    )


def text_of(place: Scope) -> str:
    """A station or an EVSE as it is written in the list."""
    return f"{place.station} {place.evse}" if place.evse else str(place.station)


def _lines(text: str) -> list[str]:
    return [line for part in _SEPARATORS.split(text) if (line := " ".join(part.split()))]


def _place(line: str) -> Scope:
    match = _EVSE.fullmatch(line)
    if match is None:
        return Scope(station=line)
    return Scope(station=match["station"], evse=int(match["evse"]))
