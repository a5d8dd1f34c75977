"""What stations of a model do otherwise than OCPP says, as rules: which stations, what, how much.

A rule names stations by vendor, model and firmware. Where several rules of one quirk match, the
most specific one counts, and an organization's own before a shipped one. Pure: rules and what a
station says of itself in, its quirks out, each with the rule that gave it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Literal

PATTERN_LENGTH_MAX = 100
SECONDS_MAX = 600
_MULTIPLIER_MAX = Decimal(1_000_000)

ValueKind = Literal["flag", "seconds", "multiplier", "volts", "separator"]
"""flag: true or false. seconds: whole, 0 to 600. multiplier: a decimal as text, above 0. volts:
of one phase, whole, 1 to 1000. separator: one to three characters."""


class Quirk(StrEnum):
    """Every quirk that Holdfast knows what to do about."""

    NO_PINGS = "no_pings"
    NO_CALLS_BEFORE_BOOT = "no_calls_before_boot"
    FIRST_CALL_DELAY = "first_call_delay"
    TRIGGER_BOOT = "trigger_boot"
    STOP_CARRIES_KWH = "stop_carries_kwh"
    METER_VALUES_CARRY_KWH = "meter_values_carry_kwh"
    IGNORE_METER_START = "ignore_meter_start"
    ENERGY_MULTIPLIER = "energy_multiplier"
    POWER_FROM_CURRENT = "power_from_current"
    EXPORT_REGISTER_IS_IMPORT = "export_register_is_import"
    SUM_CONNECTOR_ZERO = "sum_connector_zero"
    ID_TAG_SUFFIX_SERIAL = "id_tag_suffix_serial"
    SEQUENCE_ALWAYS_ZERO = "sequence_always_zero"
    LOCAL_TIME_LABELLED_UTC = "local_time_labelled_utc"
    PROFILES_IN_AMPERES_ONLY = "profiles_in_amperes_only"
    PROFILES_IN_WATTS_ONLY = "profiles_in_watts_only"
    IGNORES_STACK_LEVEL = "ignores_stack_level"
    REFUSES_CONNECTOR_ZERO_PROFILES = "refuses_connector_zero_profiles"
    SOC_NOT_ALLOWED_IN_SAMPLED_DATA = "soc_not_allowed_in_sampled_data"
    NO_CONFIGURATION_PROBE = "no_configuration_probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """A quirk for people: what the station does, what Holdfast does about it, and how it is said
    how much. `applied` is the place in the code; `at_once`: an edit needs no new connection."""

    does: str
    remedy: str
    value: ValueKind
    applied: str
    at_once: bool = True


_FRAMES = "gateway/adjusting.py, before a message is read"
_CALLS = "gateway/sendable.py, before a call is sent"
_SOCKET = "gateway/connection.py"

MEANINGS: dict[Quirk, Meaning] = {
    Quirk.NO_PINGS: Meaning(
        does="takes a websocket ping for the end of the connection",
        remedy="No pings are sent; a dead line is found by TCP keep-alive.",
        value="flag",
        applied="gateway/pinging.py, when it connects",
    ),
    Quirk.NO_CALLS_BEFORE_BOOT: Meaning(
        does="hangs up when called before its BootNotification was answered",
        remedy="Calls wait for the answer to its BootNotification, at most so many seconds.",
        value="seconds",
        applied=_SOCKET,
    ),
    Quirk.FIRST_CALL_DELAY: Meaning(
        does="loses calls that come right after it connected",
        remedy="The first call waits until so many seconds after the connection was made.",
        value="seconds",
        applied=_SOCKET,
    ),
    Quirk.TRIGGER_BOOT: Meaning(
        does="does not send BootNotification by itself",
        remedy="It is triggered to, where none came within so many seconds of its connection.",
        value="seconds",
        applied=_SOCKET,
        at_once=False,
    ),
    Quirk.STOP_CARRIES_KWH: Meaning(
        does="gives meterStop of StopTransaction in kWh",
        remedy="meterStop is taken times 1000.",
        value="flag",
        applied=_FRAMES,
    ),
    Quirk.METER_VALUES_CARRY_KWH: Meaning(
        does="gives registers of meter values in kWh and labels them Wh, or not at all",
        remedy="Energy values that say Wh or nothing are read as kWh.",
        value="flag",
        applied=_FRAMES,
    ),
    Quirk.IGNORE_METER_START: Meaning(
        does="gives a meterStart that is not what its register shows",
        remedy="The session is counted from the first register seen.",
        value="flag",
        applied=_FRAMES,
    ),
    Quirk.ENERGY_MULTIPLIER: Meaning(
        does="counts energy in a unit of its own",
        remedy="All its registers are multiplied by this number.",
        value="multiplier",
        applied=_FRAMES,
    ),
    Quirk.POWER_FROM_CURRENT: Meaning(
        does="reports currents and no power",
        remedy="Power is the sum over phases of current times voltage, or times this many volts "
        "where it reports none.",
        value="volts",
        applied=_FRAMES,
    ),
    Quirk.EXPORT_REGISTER_IS_IMPORT: Meaning(
        does="reports what a car drew as Energy.Active.Export.Register",
        remedy="The export register is read as the import register where there is no other.",
        value="flag",
        applied=_FRAMES,
    ),
    Quirk.SUM_CONNECTOR_ZERO: Meaning(
        does="reports the sum of all connectors as connector 0, under a transaction's id",
        remedy="Meter values of connector 0 are kept and belong to no transaction.",
        value="flag",
        applied=_FRAMES,
    ),
    Quirk.ID_TAG_SUFFIX_SERIAL: Meaning(
        does="adds its serial number to a card's id",
        remedy="The card's id ends before the last of these separators.",
        value="separator",
        applied=_FRAMES,
    ),
    Quirk.SEQUENCE_ALWAYS_ZERO: Meaning(
        does="sends the same seqNo in every TransactionEvent",
        remedy="seqNo is not read: events go by their time, and gaps are not judged.",
        value="flag",
        applied=_FRAMES,
    ),
    Quirk.LOCAL_TIME_LABELLED_UTC: Meaning(
        does="sends its local time and labels it UTC",
        remedy="Times that say UTC are read in the time zone of its site.",
        value="flag",
        applied=_FRAMES,
    ),
    Quirk.PROFILES_IN_AMPERES_ONLY: Meaning(
        does="refuses or misreads charging profiles in watts",
        remedy="Limits are sent in amperes per phase, rounded down, at this voltage.",
        value="volts",
        applied=_CALLS,
    ),
    Quirk.PROFILES_IN_WATTS_ONLY: Meaning(
        does="refuses or misreads charging profiles in amperes",
        remedy="Limits are sent in watts of all phases, rounded down, at this voltage.",
        value="volts",
        applied=_CALLS,
    ),
    Quirk.IGNORES_STACK_LEVEL: Meaning(
        does="does not heed stackLevel: the profile that came last counts",
        remedy="Every profile is sent with stackLevel 0, so that it replaces the one before.",
        value="flag",
        applied=_CALLS,
    ),
    Quirk.REFUSES_CONNECTOR_ZERO_PROFILES: Meaning(
        does="refuses charging profiles for the whole station",
        remedy="They go to connector 1; a limit of the whole station becomes the default of its "
        "transactions. For stations with one connector.",
        value="flag",
        applied=_CALLS,
    ),
    Quirk.SOC_NOT_ALLOWED_IN_SAMPLED_DATA: Meaning(
        does="rejects the whole list of measurands if SoC is among them",
        remedy="SoC is left out of lists of measurands.",
        value="flag",
        applied=_CALLS,
    ),
    Quirk.NO_CONFIGURATION_PROBE: Meaning(
        does="reboots when its whole configuration is asked for",
        remedy="Holdfast does not ask for it by itself: orders of people are sent.",
        value="flag",
        applied="whoever reads the configuration at boot asks `Quirks.no_configuration_probe`",
    ),
}


class BadRule(ValueError):
    """A rule that cannot be. `field` names what is wrong with it."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(expected)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a station said of itself when it last booted."""

    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Stations that match all three patterns have the quirk. `name` of a shipped rule is its own,
    of an organization's rule its id. `replaces` names a shipped rule that it stands in for."""

    name: str
    quirk: Quirk
    value: Any
    vendor: str = "*"
    model: str = "*"
    firmware: str = "*"
    note: str = ""
    source: str | None = None
    shipped: bool = False
    enabled: bool = True
    replaces: str | None = None

    def matches(self, station: Described) -> bool:
        """Whether it speaks of this station."""
        return (
            text_matches(self.vendor, station.vendor)
            and text_matches(self.model, station.model)
            and firmware_matches(self.firmware, station.firmware)
        )

    @property
    def specificity(self) -> tuple[int, int, int, int, int]:
        """Greater is more specific: firmware, then model, then vendor named, then how much of
        them; between equals an organization's own rule."""
        patterns = (self.firmware, self.model, self.vendor)
        named = [int(pattern != "*") for pattern in patterns]
        written = sum(
            len(pattern) - pattern.count("*") - pattern.count("?") for pattern in patterns
        )
        return (named[0], named[1], named[2], written, int(not self.shipped))


def text_matches(pattern: str, text: str | None) -> bool:
    """A pattern with * and ?, whatever the case. What is not known matches only *."""
    if pattern == "*":
        return True
    return text is not None and fnmatchcase(text.strip().casefold(), pattern.strip().casefold())


_COMPARISON = re.compile(r"(<=|>=|<|>)\s*(.+)")


def firmware_matches(pattern: str, firmware: str | None) -> bool:
    """A pattern, or comparisons that must all hold: ">=6.0, <7". What is not known matches only *.

    Versions are compared by their numbers, in order; letters between them only part them.
    """
    if pattern == "*":
        return True
    if firmware is None:
        return False
    parts = pattern.split(",")
    if not any(_COMPARISON.fullmatch(part.strip()) for part in parts):
        return text_matches(pattern, firmware)
    return all(_part_matches(part.strip(), firmware) for part in parts)


def _part_matches(part: str, firmware: str) -> bool:
    found = _COMPARISON.fullmatch(part)
    if found is None:
        return text_matches(part, firmware)
    ours, theirs = version_numbers(firmware), version_numbers(found[2])
    if not ours:
        return False
    size = max(len(ours), len(theirs))
    left = ours + (0,) * (size - len(ours))
    right = theirs + (0,) * (size - len(theirs))
    return {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[found[1]]


@lru_cache(maxsize=1_000)
def version_numbers(text: str) -> tuple[int, ...]:
    """The numbers in a version: "v1.8.21-rc2" is 1, 8, 21, 2."""
    return tuple(int(number) for number in re.findall(r"[0-9]{1,18}", text[:PATTERN_LENGTH_MAX]))


def effective(rules: Iterable[Rule], station: Described) -> dict[Quirk, Rule]:
    """What a station's quirks are, each with the rule that says so. A flag that the most specific
    rule says is false is no quirk."""
    standing = list(rules)
    replaced = {rule.replaces for rule in standing if rule.replaces is not None}
    found: dict[Quirk, Rule] = {}
    for rule in standing:
        if not rule.enabled or (rule.shipped and rule.name in replaced):
            continue
        if rule.matches(station):
            known = found.get(rule.quirk)
            if known is None or rule.specificity >= known.specificity:
                found[rule.quirk] = rule
    return {quirk: rule for quirk, rule in found.items() if rule.value is not False}


def checked_pattern(field: str, pattern: str) -> str:
    """The pattern as it is kept. Raises BadRule."""
    kept = pattern.strip()
    if not kept or len(kept) > PATTERN_LENGTH_MAX or not kept.isprintable():
        raise BadRule(field, f"write 1 to {PATTERN_LENGTH_MAX} characters; * stands for any")
    if field == "firmware":
        for part in kept.split(","):
            found = _COMPARISON.fullmatch(part.strip())
            if not part.strip() or (found is not None and not version_numbers(found[2])):
                raise BadRule(field, "write a pattern such as 6.* or versions such as >=6.0, <7")
    return kept


def checked_value(quirk: Quirk, value: object) -> Any:
    """The value as it is kept (flag: bool, seconds and volts: int, the others: str). Raises
    BadRule."""
    kind = MEANINGS[quirk].value
    if kind == "flag":
        if isinstance(value, bool):
            return value
        raise BadRule("value", "this quirk is true or false")
    if value is False:
        return False  # of any quirk: these stations do not have it
    if kind in ("seconds", "volts"):
        low, high = (0, SECONDS_MAX) if kind == "seconds" else (1, 1_000)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise BadRule("value", f"write whole {kind}, {low} to {high}, or false")
    if kind == "multiplier":
        return _multiplier(value)
    if isinstance(value, str) and 1 <= len(value) <= 3 and value.isprintable():
        return value
    raise BadRule("value", "write the separator, 1 to 3 characters, or false")


def _multiplier(value: object) -> str:
    wrong = BadRule("value", 'write a number as text, such as "0.001", or false')
    if not isinstance(value, str) or len(value) > 20:
        raise wrong
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise wrong from None
    if not number.is_finite() or not 1 / _MULTIPLIER_MAX <= number <= _MULTIPLIER_MAX:
        raise wrong
    return value
