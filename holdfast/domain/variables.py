"""Rules about variables of stations: what is a secret, which values are the same or may be set.

Data types are those of OCPP 2.x (DataEnumType); a station of OCPP 1.6 names none, and what is not
named is not judged.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

VALUE_LENGTH_MAX: Final = 2_500  # OCPP 2.1; 2.0.1 takes 1,000 to set, 1.6 takes 500
SETTING_LENGTH_MAX_V16: Final = 500
SETTING_LENGTH_MAX: Final = 1_000
NUMBER_LENGTH_MAX: Final = 40
LIST_ITEMS_MAX: Final = 50

# AuthorizationKey (1.6 security extension), BasicAuthPassword (2.x), and what vendors call theirs.
_SECRET: Final = re.compile(
    r"password|passwd|passphrase|secret|authorizationkey|private_?key|psk$", re.IGNORECASE
)
_NAME: Final = re.compile(
    r"(?P<component>[^\[\]@.]+)(\[(?P<instance>[^\[\]]+)\])?"
    r"(@(?P<evse>\d{1,4})(/(?P<connector>\d{1,4}))?)?"
    r"\.(?P<variable>[^\[\]]+)(\[(?P<variable_instance>[^\[\]]+)\])?"
)
_LISTS: Final = frozenset({"optionlist", "sequencelist", "memberlist"})
# Lists of measurands: in OCPP 1.6 by key, in 2.x by variable.
_MEASURAND_KEYS: Final = frozenset(
    {
        "metervaluessampleddata",
        "metervaluesaligneddata",
        "stoptxnsampleddata",
        "stoptxnaligneddata",
        "measurands",
        "txstartedmeasurands",
        "txupdatedmeasurands",
        "txendedmeasurands",
    }
)
# What a simple station is least likely to measure comes first; the energy register is never left
# out, since sessions are billed by it.
_SUSPECTS: Final = (
    "soc",
    "rpm",
    "temperature",
    "frequency",
    "power.factor",
    "power.reactive.export",
    "power.reactive.import",
    "power.offered",
    "current.offered",
    "current.export",
    "power.active.export",
    "voltage",
    "current.import",
    "power.active.import",
)
_PLACES: Final = {name: place for place, name in enumerate(_SUSPECTS)}
ENERGY: Final = "energy.active.import.register"


def is_secret(variable: str, mutability: str | None = None) -> bool:
    """Whether a variable's value must not be stored or shown."""
    return mutability == "write_only" or _SECRET.search(variable) is not None


def written_name(
    component: str,
    component_instance: str | None,
    evse: int | None,
    connector: int | None,
    variable: str,
    variable_instance: str | None,
) -> str:
    """A variable in one word, as orders name it: "Connector@1/2.Available",
    "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]"; of OCPP 1.6 just its key."""
    if not component:
        return variable
    name = component + (f"[{component_instance}]" if component_instance else "")
    if evse is not None:
        name += f"@{evse}" + (f"/{connector}" if connector is not None else "")
    return f"{name}.{variable}" + (f"[{variable_instance}]" if variable_instance else "")


Place = tuple[str, str | None, int | None, int | None, str, str | None]
"""Component, its instance, EVSE, connector, variable, its instance."""


def place_named(name: str, *, by_key: bool) -> Place | None:
    """The other way round; `by_key`: of OCPP 1.6, where a name is a key as it is. None for what is
    not written so."""
    if by_key:
        return ("", None, None, None, name, None)
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    evse, connector = found["evse"], found["connector"]
    return (
        found["component"],
        found["instance"],
        None if evse is None else int(evse),
        None if connector is None else int(connector),
        found["variable"],
        found["variable_instance"],
    )


def is_measurand_list(variable: str) -> bool:
    """Whether the variable lists what a station measures."""
    return variable.casefold() in _MEASURAND_KEYS


def items_of(value: str | None) -> list[str]:
    """The items of a comma-separated list, without blanks around them."""
    return [item.strip() for item in (value or "").split(",") if item.strip()]


def same_value(wanted: str, shown: str | None, data_type: str | None = None) -> bool:
    """Whether two spellings mean one value: "TRUE" and "true", "30" and "30.0", "a, b" and "a,b".

    The order of a list's items counts only where its type says so (SequenceList).
    """
    if shown is None:
        return False
    one, other = wanted.strip(), shown.strip()
    if one == other or one.casefold() == other.casefold() in ("true", "false"):
        return True
    kind = (data_type or "").casefold()
    if kind in ("string", "datetime"):
        return False
    if "," in one or "," in other or kind in _LISTS:
        first, second = items_of(one), items_of(other)
        if kind != "sequencelist":
            first, second = sorted(first), sorted(second)
        return [item.casefold() for item in first] == [item.casefold() for item in second]
    number, shown_number = _number(one), _number(other)
    return number is not None and number == shown_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Characteristics:
    """What a station said about a variable's values."""

    mutability: str | None = None
    data_type: str | None = None
    values_list: str | None = None
    min_limit: str | None = None
    max_limit: str | None = None


def problem_with(value: str, about: Characteristics) -> str | None:
    """Why a value cannot be set, in a sentence for people; None where nothing speaks against it."""
    if about.mutability == "read_only":
        return "the station lets nobody change it (read only)"
    check = _CHECKS.get((about.data_type or "").casefold())
    return check(value, about) if check is not None else _check_options(value, about)


def _check_boolean(value: str, _about: Characteristics) -> str | None:
    return None if value.casefold() in ("true", "false") else "it must be true or false"


def _check_integer(value: str, about: Characteristics) -> str | None:
    if not re.fullmatch(r"[+-]?\d{1,20}", value):
        return "it must be a whole number"
    return _check_limits(Decimal(value), about)


def _check_decimal(value: str, about: Characteristics) -> str | None:
    number = _number(value)
    return "it must be a number" if number is None else _check_limits(number, about)


def _check_limits(number: Decimal, about: Characteristics) -> str | None:
    low, high = _number(about.min_limit or ""), _number(about.max_limit or "")
    if low is not None and number < low:
        return f"it must be at least {about.min_limit}"
    if high is not None and number > high:
        return f"it must be at most {about.max_limit}"
    return None


def _check_instant(value: str, _about: Characteristics) -> str | None:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return "it must be a date and time such as 2026-01-31T12:00:00Z"
    return None


def _check_text(value: str, about: Characteristics) -> str | None:
    # For a string, the limit is of its length.
    longest = _number(about.max_limit or "")
    if longest is not None and len(value) > longest:
        return f"it must have at most {about.max_limit} characters"
    return None


def _check_options(value: str, about: Characteristics) -> str | None:
    options = items_of(about.values_list)
    if not options or value.casefold() in {option.casefold() for option in options}:
        return None
    return f"it must be one of {', '.join(options)}"


def _check_list(value: str, about: Characteristics) -> str | None:
    options = items_of(about.values_list)
    known = {option.casefold() for option in options}
    unknown = [item for item in items_of(value) if item.casefold() not in known]
    if not options or not unknown:
        return None
    return f"it may only hold {', '.join(options)}; not {', '.join(unknown)}"


_CHECKS: Final[Mapping[str, Callable[[str, Characteristics], str | None]]] = {
    "boolean": _check_boolean,
    "integer": _check_integer,
    "decimal": _check_decimal,
    "datetime": _check_instant,
    "string": _check_text,
    "optionlist": _check_options,
    "sequencelist": _check_list,
    "memberlist": _check_list,
}


def without_refused(wanted: str, refused: Collection[str]) -> str:
    """A list less what the model is known not to take; the energy register always stays."""
    known = {item.casefold() for item in refused} - {ENERGY}
    return ",".join(item for item in items_of(wanted) if item.casefold() not in known)


def shorter_list(offered: str) -> tuple[str, str] | None:
    """The next list to try after a station refused this one, and what was left out of it.

    A station refuses the whole list and does not say which item it minds (systems.md E18: SoC on an
    AC box), so the likeliest goes first. None where only the energy register is left.
    """
    items = items_of(offered)
    candidates = sorted((item for item in items if item.casefold() != ENERGY), key=_innocence)
    if not candidates or len(items) < 2:
        return None
    left_out = candidates[0]
    return ",".join(item for item in items if item != left_out), left_out


def last_left_out(wanted: str, taken: str, refused: Collection[str]) -> str | None:
    """The item that a station minds, once it took a list shorter than the one before: the last
    that `shorter_list` left out. What was left out before it may be innocent, and is not held
    against the model. `refused` was never offered. None where the whole list was taken."""
    known = {item.casefold() for item in (*items_of(taken), *refused)}
    gone = [item for item in items_of(wanted) if item.casefold() not in known]
    return max(gone, key=_innocence) if gone else None


def _innocence(item: str) -> float:
    # What is on no list of ours is some vendor's own, and more suspect than the usual ones.
    return _PLACES.get(item.casefold(), len(_SUSPECTS) // 2 - 0.5)


def _number(value: str) -> Decimal | None:
    if not value or len(value) > NUMBER_LENGTH_MAX:
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
