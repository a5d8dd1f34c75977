"""The scenario file: which stations there are and what they go through, in TOML.

Every mistake is one `ScenarioWrong` whose message names the file, the key, the value that was found
and what would be right. docs/reference/simulator.md describes every key.
"""

import fnmatch
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from simulator.stations.config import (
    CONNECTORS_MAX,
    EVSES_MAX,
    POWER_W_MAX,
    STATIONS_MAX,
    CurrentType,
    EvseConfig,
    Protocol,
    StationConfig,
    TransactionStart,
)
from simulator.stations.quirks import QuirkWrong, quirks_from
from simulator.stations.step_keys import STEPS, TIMING_KEYS, Kind, StepKey

FOLDER = Path(__file__).resolve().parent.parent / "scenarios"
STEPS_MAX = 500
SECONDS_MAX = 7 * 24 * 3600.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_VERSIONS: dict[str, Protocol] = {
    "1.6": "ocpp1.6",
    "2.0.1": "ocpp2.0.1",
    "2.1": "ocpp2.1",
}
_TEXTS = ("vendor", "model", "firmware", "token_type", "password")
_FILES = ("ca_file", "certificate_file", "key_file")
_FLAGS = ("boot_on_reconnect", "remote_plug_in", "price_display")
STATION_KEYS = frozenset(
    {"count", "identity", "version", "tokens", "evses", "transaction_start", "quirks"}
    | {*_TEXTS, *_FILES, *_FLAGS}
)
_MIX_KEYS = frozenset({"demand", "for", "fault_every", "faults"})
MIX_FAULTS = ("drop", "offline", "reboot", "duplicate", "late_meter", "pipeline", "hostile")


class ScenarioWrong(Exception):
    """The file cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`at_s` is since the station's start, `after_s` since its previous step, `every_s` repeats."""

    do: str
    where: str
    who: str = "*"
    at_s: float | None = None
    after_s: float = 0.0
    every_s: float | None = None
    times: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Drivers by themselves for a while, and faults at random by weight."""

    for_s: float
    demand: float = 1.0
    fault_every_s: float | None = None
    faults: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A checked file."""

    title: str
    stations: tuple[StationConfig, ...]
    steps: tuple[Step, ...]
    mix: Mix | None
    seed: int
    description: str = ""


def shipped() -> dict[str, Path]:
    """The scenarios that come along, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def read_scenario(name: str, *, stations: int | None = None) -> Scenario:
    """A shipped scenario by name or a file by path; `stations` replaces the counts, shared out by
    the blocks' own. Raises `ScenarioWrong`."""
    path = shipped().get(name, Path(name))
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        known = ", ".join(shipped())
        raise ScenarioWrong(
            f"{name}: {error.strerror}; a file, or one of {known}, would be right"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioWrong(f"{path}: not TOML: {error}") from error
    return parse_scenario(document, str(path), stations=stations)


def parse_scenario(document: dict[str, Any], file: str, *, stations: int | None = None) -> Scenario:
    """Check a parsed file. Raises `ScenarioWrong`."""
    return _Reader(file).scenario(document, stations)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Checks with the file's name at hand."""

    file: str

    def wrong(self, key: str, value: Any, right: str) -> ScenarioWrong:
        shown = "" if value is None else f" = {str(value)[:60]!r}"
        return ScenarioWrong(f"{self.file}: {key}{shown} is wrong: {right}")

    def known(self, table: Any, where: str, keys: frozenset[str]) -> dict[str, Any]:
        if not isinstance(table, dict):
            raise self.wrong(where, table, "a table is needed")
        for key in table:
            if key not in keys:
                raise self.wrong(
                    f"{where}.{key}", table[key], f"the keys are {', '.join(sorted(keys))}"
                )
        return table

    def scenario(self, document: dict[str, Any], count: int | None) -> Scenario:
        keys = frozenset({"title", "description", "seed", "stations", "steps", "mix"})
        self.known(document, "the file", keys)
        blocks = document.get("stations")
        if not isinstance(blocks, list) or not blocks:
            raise self.wrong("stations", blocks, "at least one [[stations]] is needed")
        built = self.all_stations(blocks, count)
        raw_steps = document.get("steps", [])
        if not isinstance(raw_steps, list) or len(raw_steps) > STEPS_MAX:
            raise self.wrong("steps", None, f"at most {STEPS_MAX} [[steps]]")
        steps = tuple(self.step(one, f"steps[{at}]", built) for at, one in enumerate(raw_steps))
        mix = self.mix(document["mix"]) if "mix" in document else None
        return Scenario(
            title=self.text(document, "title", "", 100),
            description=self.text(document, "description", "", 2_000, default=""),
            stations=built,
            steps=steps,
            mix=mix,
            seed=self.whole(document, "seed", "", 0, 2**31, default=1),
        )

    def all_stations(self, blocks: list[Any], count: int | None) -> tuple[StationConfig, ...]:
        wheres = [f"stations[{at}]" for at in range(len(blocks))]
        for block, where in zip(blocks, wheres, strict=True):
            self.known(block, where, STATION_KEYS)
        counts = [
            self.whole(block, "count", where, 1, STATIONS_MAX, default=1)
            for block, where in zip(blocks, wheres, strict=True)
        ]
        if count is not None:
            total = sum(counts)
            shares = [max(one * count // total, 1) for one in counts]
            shares[-1] = max(count - sum(shares[:-1]), 1)
            counts = shares
        built: list[StationConfig] = []
        for block, where, number in zip(blocks, wheres, counts, strict=True):
            built += self.stations(block, where, number)
        if len(built) > STATIONS_MAX:
            raise self.wrong("stations", len(built), f"at most {STATIONS_MAX} in all")
        if len({one.identity for one in built}) != len(built):
            raise self.wrong(
                "stations", None, "two stations have one identity; put {n} into `identity`"
            )
        return tuple(built)

    def stations(self, block: dict[str, Any], where: str, count: int) -> list[StationConfig]:
        pattern = self.text(block, "identity", where, 48, default="SIM-{n:05}")
        version = self.one_of(block, "version", where, tuple(_VERSIONS), default="1.6")
        values: dict[str, Any] = {"protocol": _VERSIONS[version]}
        for name in (*_TEXTS, *_FILES):
            if name in block:
                values[name] = self.text(block, name, where, 48 if name in _TEXTS else 1_000)
        for name in _FLAGS:
            if name in block:
                values[name] = self.flag(block, name, where)
        if "transaction_start" in block:
            choices = get_args(TransactionStart)
            values["transaction_start"] = self.one_of(block, "transaction_start", where, choices)
        if "tokens" in block:
            tokens = block["tokens"]
            is_list = isinstance(tokens, list) and 1 <= len(tokens) <= 10_000
            if not is_list or not all(isinstance(t, str) and 1 <= len(t) <= 36 for t in tokens):
                raise self.wrong(f"{where}.tokens", tokens, "a list of texts of 1 to 36 characters")
            values["tokens"] = tuple(tokens)
        values["evses"] = self.evses(block.get("evses", [{}]), f"{where}.evses")
        try:
            values["quirks"] = quirks_from(block.get("quirks", {}), f"{where}.quirks")
        except QuirkWrong as error:
            raise ScenarioWrong(f"{self.file}: {error}") from error
        try:
            identities = [pattern.format(n=number) for number in range(1, count + 1)]
        except (ValueError, LookupError, AttributeError) as error:
            right = "a text with {n} or {n:04} where the number goes"
            raise self.wrong(f"{where}.identity", pattern, right) from error
        return [StationConfig(identity=one, **values) for one in identities]

    def evses(self, raw: Any, where: str) -> tuple[EvseConfig, ...]:
        if not isinstance(raw, list) or not 1 <= len(raw) <= EVSES_MAX:
            raise self.wrong(where, raw, f"1 to {EVSES_MAX} EVSEs")
        built = []
        for at, one in enumerate(raw):
            here = f"{where}[{at}]"
            self.known(one, here, frozenset({"connectors", "max_power_w", "current_type"}))
            built.append(
                EvseConfig(
                    connectors=self.whole(one, "connectors", here, 1, CONNECTORS_MAX, default=1),
                    max_power_w=self.whole(
                        one, "max_power_w", here, 1, POWER_W_MAX, default=11_000
                    ),
                    current_type=self.one_of(
                        one, "current_type", here, get_args(CurrentType), default="AC"
                    ),  # type: ignore[arg-type] # one of its words
                )
            )
        return tuple(built)

    def step(self, raw: Any, where: str, stations: tuple[StationConfig, ...]) -> Step:
        if not isinstance(raw, dict):
            raise self.wrong(where, raw, "a table is needed")
        do = self.one_of(raw, "do", where, tuple(STEPS))
        keys = STEPS[do]
        self.known(raw, where, frozenset({*TIMING_KEYS, *keys}))
        who = self.text(raw, "who", where, 48, default="*")
        if not any(fnmatch.fnmatchcase(one.identity, who) for one in stations):
            raise self.wrong(f"{where}.who", who, "it fits no station's identity")
        if "times" in raw and "every" not in raw and "times" not in keys:
            raise self.wrong(f"{where}.times", raw["times"], "it needs `every` beside it")
        options = {name: self.option(raw, name, where, key) for name, key in keys.items()}
        return Step(
            do=do,
            where=where,
            who=who,
            at_s=self.seconds(raw, "at", where) if "at" in raw else None,
            after_s=self.seconds(raw, "after", where) if "after" in raw else 0.0,
            every_s=self.seconds(raw, "every", where) if "every" in raw else None,
            times=self.whole(raw, "times", where, 1, 1_000_000) if "times" in raw else None,
            options={name: value for name, value in options.items() if value is not None},
        )

    def option(self, raw: dict[str, Any], name: str, where: str, key: StepKey) -> Any:
        if name not in raw:
            if key.is_needed:
                raise self.wrong(f"{where}.{name}", None, "it is missing")
            return key.default
        match key.kind:
            case Kind.SECONDS:
                return self.seconds(raw, name, where)
            case Kind.WHOLE:
                return self.whole(raw, name, where, int(key.low), int(key.high))
            case Kind.NUMBER:
                return self.number(raw, name, where, key.low, key.high)
            case Kind.FLAG:
                return self.flag(raw, name, where)
            case Kind.CHOICE:
                return self.one_of(raw, name, where, key.choices)
            case Kind.TABLE:
                if not isinstance(raw[name], dict):
                    raise self.wrong(f"{where}.{name}", raw[name], "a table is needed")
                return raw[name]
        return self.text(raw, name, where, 2_000)

    def mix(self, raw: Any) -> Mix:
        self.known(raw, "mix", _MIX_KEYS)
        weights = self.known(raw.get("faults", {}), "mix.faults", frozenset(MIX_FAULTS))
        faults = {name: self.whole(weights, name, "mix.faults", 0, 1_000) for name in weights}
        if faults and "fault_every" not in raw:
            raise self.wrong("mix.fault_every", None, "it is missing beside [mix.faults]")
        return Mix(
            for_s=self.seconds(raw, "for", "mix"),
            demand=self.number(raw, "demand", "mix", 0, 1_000) if "demand" in raw else 1.0,
            fault_every_s=self.seconds(raw, "fault_every", "mix") if "fault_every" in raw else None,
            faults={name: weight for name, weight in faults.items() if weight},
        )

    def text(
        self, table: dict[str, Any], key: str, where: str, longest: int, default: str | None = None
    ) -> str:
        value: Any = table.get(key, default)
        if value is default is not None:
            return str(default)
        if not isinstance(value, str) or not 1 <= len(value) <= longest:
            right = f"a text of 1 to {longest} characters"
            raise self.wrong(_path(where, key), value, right)
        return value

    def whole(
        self,
        table: dict[str, Any],
        key: str,
        where: str,
        low: int,
        high: int,
        *,
        default: int | None = None,
    ) -> int:
        value: Any = table.get(key, default)
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or not low <= value <= high:
            raise self.wrong(_path(where, key), value, f"a whole number from {low} to {high}")
        return int(value)

    def number(self, table: dict[str, Any], key: str, where: str, low: float, high: float) -> float:
        value: Any = table.get(key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise self.wrong(_path(where, key), value, f"a number from {low:g} to {high:g}")
        return float(value)

    def flag(self, table: dict[str, Any], key: str, where: str) -> bool:
        if not isinstance(table[key], bool):
            raise self.wrong(_path(where, key), table[key], "true or false")
        return bool(table[key])

    def one_of(
        self,
        table: dict[str, Any],
        key: str,
        where: str,
        choices: tuple[str, ...],
        *,
        default: str | None = None,
    ) -> str:
        value = table.get(key, default)
        if value not in choices:
            raise self.wrong(_path(where, key), value, f"one of {', '.join(choices)}")
        return str(value)

    def seconds(self, table: dict[str, Any], key: str, where: str) -> float:
        value = table.get(key)
        right = 'a duration such as "500ms", "30s", "10m" or "2h", at most a week'
        if not isinstance(value, str):
            raise self.wrong(_path(where, key), value, right)
        unit = next((one for one in ("ms", "s", "m", "h") if value.endswith(one)), None)
        try:
            seconds = float(value.removesuffix(unit or "?")) * _UNITS[unit or "?"]
        except (ValueError, KeyError) as error:
            raise self.wrong(_path(where, key), value, right) from error
        if not 0 <= seconds <= SECONDS_MAX:
            raise self.wrong(_path(where, key), value, right)
        return seconds


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
