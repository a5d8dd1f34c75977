"""The quirks of connected stations: rules from the database, kept in memory, told to each peer.

An edit is heard through NOTIFY and holds for the sockets that are open, at once (what happens only
when a station connects is in `domain.quirks.MEANINGS`). While the rules cannot be read, those that
were read last stay in force; before the first read, the shipped ones.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from gateway.postgres import Pool
from holdfast.domain.quirk_rules import SHIPPED
from holdfast.domain.quirks import Described, Quirk, Rule, effective

logger = structlog.get_logger()

RULES_MAX = 100_000
REMEMBERED_MAX = 10_000
APPLIED_AT_ONCE = 200  # connections, before others have their turn

_RULES = """
SELECT organization_id, id, quirk, value, vendor, model, firmware, enabled, replaces
FROM quirk_rules ORDER BY id LIMIT %s
"""


_DESCRIBED = """
SELECT s.vendor, s.model, s.firmware_version, z.time_zone
FROM stations s LEFT JOIN sites z ON z.id = s.site_id WHERE s.id = %s
"""


@dataclass(frozen=True, slots=True)
class Quirks:
    """What is odd about one station, each with the rule that says so. `zone`: of its site."""

    rules: Mapping[Quirk, Rule] = field(default_factory=dict)
    zone: ZoneInfo | None = None

    def __bool__(self) -> bool:
        return bool(self.rules)

    def has(self, quirk: Quirk) -> bool:
        """Whether a flag is set."""
        return quirk in self.rules

    def seconds(self, quirk: Quirk) -> int | None:
        """How long, where it has this quirk."""
        rule = self.rules.get(quirk)
        return None if rule is None else int(rule.value)

    @property
    def no_configuration_probe(self) -> bool:
        """Holdfast must not ask for the configuration by itself."""
        return Quirk.NO_CONFIGURATION_PROBE in self.rules


NONE: Final = Quirks()


def zone_of(name: str | None) -> ZoneInfo | None:
    """The time zone of a site; None where it has none that is known here."""
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


class Station(Protocol):
    """A connected station (`gateway.writing.entry.Peer`)."""

    organization_id: UUID
    described: Described
    quirks: Quirks

    @property
    def station_id(self) -> UUID: ...


class Connected(Protocol):
    """A connection of such a station."""

    @property
    def peer(self) -> Station: ...

    def apply_quirks(self) -> None:
        """The rules may have changed."""


class QuirkBook:
    """The rules of all organizations."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._own: Mapping[UUID, tuple[Rule, ...]] = {}
        # Thousands of stations are of a few models.
        self._known: dict[tuple[UUID, Described, ZoneInfo | None], Quirks] = {}

    async def load(self) -> set[UUID]:
        """Read all rules anew; the organizations whose rules changed. Raises psycopg's errors; the
        old ones then stay."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_RULES, (RULES_MAX,))).fetchall()
        own: dict[UUID, list[Rule]] = defaultdict(list)
        for organization_id, rule_id, quirk, value, vendor, model, firmware, enabled, name in rows:
            try:
                known = Quirk(quirk)
            except ValueError:
                # Written by a newer version, which may run beside this one during an upgrade.
                logger.warning("unknown_quirk", rule=str(rule_id))
                continue
            own[organization_id].append(
                Rule(
                    name=str(rule_id),
                    quirk=known,
                    value=value,
                    vendor=vendor,
                    model=model,
                    firmware=firmware,
                    enabled=enabled,
                    replaces=name,
                )
            )
        before, self._own = self._own, {one: tuple(rules) for one, rules in own.items()}
        self._known = {}
        every = before.keys() | self._own.keys()
        return {one for one in every if before.get(one) != self._own.get(one)}

    async def reload(self, registry: Iterable[Connected]) -> None:
        """Read all rules anew, and tell the connections that they concern."""
        changed = await self.load()
        concerned = [one for one in registry if one.peer.organization_id in changed]
        for number, connection in enumerate(concerned, start=1):
            connection.apply_quirks()
            if number % APPLIED_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def describe(self, station: Station) -> None:
        """What the station said when it last booted, and the quirks that follow. Raises psycopg's
        errors."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_DESCRIBED, (station.station_id,))).fetchone()
        if row is not None:
            station.described = Described(vendor=row[0], model=row[1], firmware=row[2])
            self.apply(station, zone_of(row[3]))

    def apply(self, station: Station, zone: ZoneInfo | None = None) -> None:
        """Its quirks by the rules as they are now."""
        station.quirks = self.quirks_of(
            station.organization_id, station.described, zone or station.quirks.zone
        )

    def quirks_of(
        self, organization_id: UUID, station: Described, zone: ZoneInfo | None = None
    ) -> Quirks:
        """The quirks of a station."""
        key = (organization_id, station, zone)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= REMEMBERED_MAX:
                self._known = {}
            rules = (*SHIPPED, *self._own.get(organization_id, ()))
            known = self._known[key] = Quirks(effective(rules, station), zone)
        return known
