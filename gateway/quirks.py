"""The quirks of connected stations: rules from the database, kept in memory, told to each peer.

An edit is heard through NOTIFY and holds for the sockets that are open, at once (what happens only
when a station connects is in `domain.quirks.MEANINGS`). While the rules cannot be read, those that
were read last stay in force; before the first read, the shipped ones.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from gateway.postgres import Pool
from holdfast.domain.quirk_rules import SHIPPED
from holdfast.domain.quirks import Described, Quirk, Rule, effective

logger = structlog.get_logger()

RULES_MAX = 100_000

_RULES = """
SELECT organization_id, id, quirk, value, vendor, model, firmware, enabled, replaces
FROM quirk_rules ORDER BY id LIMIT %s
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


class QuirkBook:
    """The rules of all organizations."""

    def __init__(self) -> None:
        self._own: Mapping[UUID, tuple[Rule, ...]] = {}

    async def load(self, pool: Pool) -> None:
        """Read all rules anew. Raises psycopg's errors; the old ones then stay."""
        async with pool.connection() as connection:
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
        self._own = {organization: tuple(rules) for organization, rules in own.items()}

    def quirks_of(
        self, organization_id: UUID, station: Described, zone: ZoneInfo | None = None
    ) -> Quirks:
        """The quirks of a station."""
        found = effective((*SHIPPED, *self._own.get(organization_id, ())), station)
        return Quirks(found, zone) if found else NONE
