"""What somebody wants a variable to be, held against what the station says that it is.

A value that was set is read back before it counts as in force. Another value afterwards is drift:
an event, and where it is enforced, the value is set again a few times.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from gateway.writing.arrays import pack
from gateway.writing.changes import Changes, PlacedOrder
from gateway.writing.entry import Entry
from gateway.writing.inventories import read_order
from gateway.writing.loading import Connection
from holdfast.contracts.facts import (
    EventReported,
    SettingResult,
    SettingsAnswered,
    VariablesReported,
    VariableValue,
)
from holdfast.domain.variables import (
    is_measurand_list,
    last_left_out,
    same_value,
    shorter_list,
    written_name,
)

ATTEMPTS_MAX: Final = 3  # that a value is set again by itself
DRIFT: Final = "drift"  # kind of an event
DRIFT_SEVERITY: Final = 6  # notice: somebody may look (2.0.1 part 2, severities)
LOST_SEVERITY: Final = 4  # error: it will not stay as wanted, somebody must look
# So that a station which loses a value at every boot is not written to for ever, and one that did
# so a year ago is.
ATTEMPTS_COUNT_FOR: Final = timedelta(days=1)

_LOAD = """
SELECT s.id, s.station_id, s.component, s.component_instance, s.evse, s.connector, s.variable,
       s.variable_instance, s.attribute, s.wanted, s.offered, s.enforce, s.attempts, s.state,
       s.state_at, s.reason, v.data_type,
       ARRAY(SELECT r.value FROM stations t JOIN model_refusals r
             ON r.organization_id = t.organization_id AND r.vendor = t.vendor AND r.model = t.model
             AND r.firmware_version IS NOT DISTINCT FROM t.firmware_version
             WHERE t.id = s.station_id AND lower(r.variable) = lower(s.variable)
               AND r.value IS NOT NULL)
FROM station_settings s
LEFT JOIN station_variables v ON v.station_id = s.station_id AND v.component = s.component
  AND v.component_instance IS NOT DISTINCT FROM s.component_instance
  AND v.evse IS NOT DISTINCT FROM s.evse AND v.connector IS NOT DISTINCT FROM s.connector
  AND v.variable = s.variable AND v.variable_instance IS NOT DISTINCT FROM s.variable_instance
  AND v.attribute = s.attribute
WHERE s.station_id = ANY(%b::uuid[]) ORDER BY s.id FOR UPDATE OF s
"""
_SAVE = """
UPDATE station_settings s
SET state = w.state, reason = w.reason, offered = w.offered, attempts = w.attempts,
    state_at = CASE WHEN s.state = w.state THEN s.state_at ELSE now() END
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::bigint[])
     AS w(id, state, reason, offered, attempts)
WHERE s.id = w.id
"""
_REFUSED = """
INSERT INTO model_refusals AS r (organization_id, vendor, model, firmware_version, component,
                                 variable, value, status)
SELECT DISTINCT ON (s.organization_id, s.vendor, s.model, s.firmware_version, w.component,
                    w.variable, w.value)
       s.organization_id, s.vendor, s.model, s.firmware_version, w.component, w.variable, w.value,
       w.status
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[])
     AS w(station_id, component, variable, value, status)
JOIN stations s ON s.id = w.station_id WHERE s.vendor IS NOT NULL AND s.model IS NOT NULL
ON CONFLICT ON CONSTRAINT uq_model_refusals_subject DO UPDATE
SET times = r.times + 1, last_at = now(), status = excluded.status
"""


class Told(Protocol):
    """A value as a batch brought it (`gateway.writing.variables.Said`)."""

    @property
    def entry(self) -> Entry: ...
    @property
    def value(self) -> VariableValue: ...
    @property
    def source(self) -> str: ...


@dataclass(slots=True)
class Setting:
    """A row of `station_settings`, and what is known beside it."""

    id: UUID
    station_id: UUID
    place: tuple[Any, ...]
    wanted: str
    offered: str | None
    enforce: bool
    attempts: int
    state: str
    state_at: Any
    reason: str | None
    data_type: str | None
    refused: list[str]
    changed: bool = False

    @property
    def sought(self) -> str:
        """What it was last set to: the value wanted, or a shorter list in its place."""
        return self.offered if self.offered is not None else self.wanted

    def move(self, state: str, reason: str | None) -> None:
        """A new state, and the word that goes with it."""
        self.state, self.reason, self.changed = state, reason, True


@dataclass(slots=True)
class Course:
    """What follows from a batch: settings by place, events and orders, what models refused."""

    changes: Changes
    settings: dict[tuple[Any, ...], Setting]
    read_back: dict[UUID, tuple[Entry, set[str]]] = field(default_factory=dict)
    refusals: list[tuple[UUID, str, str, str | None, str]] = field(default_factory=list)

    def refuse(self, entry: Entry, result: SettingResult, value: str | None) -> None:
        """Remember it of the station's model. Without a value: the variable itself."""
        self.refusals.append(
            (entry.station_id, result.component, result.variable, value, result.word)
        )


async def follow_settings(connection: Connection, changes: Changes, values: Iterable[Told]) -> None:
    """Move the settings of the stations that a batch tells of; order what follows."""
    told = changes.variables
    stations = {
        entry.station_id
        for entry, fact in told
        if isinstance(fact, VariablesReported | SettingsAnswered)
    }
    if not stations:
        return
    cursor = await connection.execute(_LOAD, (pack("uuid", sorted(stations)),))
    course = Course(changes, {})
    for row in await cursor.fetchall():
        setting = Setting(row[0], row[1], tuple(row[2:9]), *row[9:])
        course.settings[place_key(setting.station_id, setting.place)] = setting
    for entry, fact in told:
        if isinstance(fact, SettingsAnswered):
            for result in fact.results:
                take_answer(course, entry, result)
        elif isinstance(fact, VariablesReported):
            for value in fact.missing:
                _take_missing(course, entry, value)
    for said in values:
        if said.source != "set":
            take_value(course, said)
    changes.orders += [read_order(entry, names) for entry, names in course.read_back.values()]
    await _save(connection, course)


def place_key(station_id: UUID, place: Sequence[Any]) -> tuple[Any, ...]:
    """Names of components and variables are compared without regard to case (2.0.1 part 2)."""
    return (station_id, *(part.casefold() if isinstance(part, str) else part for part in place))


def take_answer(course: Course, entry: Entry, result: SettingResult) -> None:
    """What the station said to a value: the setting moves if it is the value that it is about."""
    place = _place(result)
    setting = course.settings.get(place_key(entry.station_id, place))
    if result.status == "not_known":
        course.refuse(entry, result, None)
    ours = setting is not None and result.value is not None and result.value == setting.sought
    if result.status in ("accepted", "needs_reboot"):
        if result.status == "accepted":
            _read_back(course, entry, place)
        if ours and setting is not None:
            setting.move("pending" if result.status == "accepted" else "needs_reboot", result.word)
            _learn(course, entry, setting, result.word)
        return
    if not ours or setting is None:
        return
    shorter = None
    if result.status == "rejected" and is_measurand_list(result.variable):
        shorter = shorter_list(setting.sought)
    if shorter is not None:
        setting.offered = shorter[0]
        setting.move("pending", None)
        course.changes.orders.append(set_order(entry, setting))
        return
    setting.move("rejected", result.word)
    if result.status == "rejected":
        course.refuse(entry, result, result.value)


def take_value(course: Course, said: Told) -> None:
    """What the station shows, held against what is wanted."""
    value, entry = said.value, said.entry
    setting = course.settings.get(place_key(entry.station_id, _place(value)))
    if setting is None or value.value is None:
        return
    if same_value(setting.sought, value.value, value.data_type or setting.data_type):
        if setting.state != "in_force":
            # That it is a shorter list than wanted stays to be read.
            setting.move("in_force", setting.reason if setting.offered is not None else None)
            if entry.received_at - setting.state_at > ATTEMPTS_COUNT_FOR:
                setting.attempts = 0
        return
    waits_for_order = setting.state == "pending" and setting.reason is None
    if waits_for_order or setting.state in ("needs_reboot", "rejected"):
        return
    _drifted(course, entry, setting, value.value)


def set_order(entry: Entry, setting: Setting) -> PlacedOrder:
    """Set it (again)."""
    return PlacedOrder(
        organization_id=entry.peer.organization_id,
        station_id=setting.station_id,
        kind="configure",
        payload={"variables": {written_name(*setting.place[:6]): setting.sought}},
        now=entry.received_at,
    )


def _drifted(course: Course, entry: Entry, setting: Setting, shown: str) -> None:
    again = setting.enforce and setting.attempts < ATTEMPTS_MAX
    if setting.state == "drifted" and not again:
        return  # already told
    component, variable = setting.place[0], setting.place[4]
    event = EventReported(
        at=entry.received_at,
        kind=DRIFT,
        name=f"{component}.{variable}" if component else str(variable),
        severity=LOST_SEVERITY if setting.enforce and not again else DRIFT_SEVERITY,
        evse=setting.place[2],
        connector=setting.place[3],
        details={
            "wanted": setting.sought,
            "shown": shown,
            "set_again": again,
            "attempts": setting.attempts,
        },
    )
    course.changes.events.append((entry, event))
    if again:
        setting.attempts += 1
        setting.move("pending", None)
        course.changes.orders.append(set_order(entry, setting))
    else:
        setting.move("drifted", None)


def _learn(course: Course, entry: Entry, setting: Setting, word: str) -> None:
    """A shorter list was taken: this model minds what was left out last."""
    if setting.offered is None:
        return
    minded = last_left_out(setting.wanted, setting.offered, setting.refused)
    if minded is not None:
        component, variable = setting.place[0], setting.place[4]
        course.refusals.append((entry.station_id, component, variable, minded, "Rejected"))
        setting.reason = f"{word} without {minded}"


def _take_missing(course: Course, entry: Entry, value: VariableValue) -> None:
    setting = course.settings.get(place_key(entry.station_id, _place(value)))
    if setting is not None and setting.state != "rejected":
        setting.move("rejected", "unknown to the station")


def _read_back(course: Course, entry: Entry, place: tuple[Any, ...]) -> None:
    _, names = course.read_back.setdefault(entry.station_id, (entry, set()))
    names.add(written_name(*place[:6]))


def _place(said: SettingResult | VariableValue) -> tuple[Any, ...]:
    return (
        said.component,
        said.component_instance,
        said.evse,
        said.connector,
        said.variable,
        said.variable_instance,
        said.attribute,
    )


async def _save(connection: Connection, course: Course) -> None:
    moved = [setting for setting in course.settings.values() if setting.changed]
    if moved:
        await connection.execute(
            _SAVE,
            (
                pack("uuid", [setting.id for setting in moved]),
                pack("text", [setting.state for setting in moved]),
                pack("text", [setting.reason for setting in moved]),
                pack("text", [setting.offered for setting in moved]),
                pack("bigint", [setting.attempts for setting in moved]),
            ),
        )
    if course.refusals:
        await connection.execute(
            _REFUSED,
            (
                pack("uuid", [row[0] for row in course.refusals]),
                pack("text", [row[1] for row in course.refusals]),
                pack("text", [row[2] for row in course.refusals]),
                pack("text", [row[3] for row in course.refusals]),
                pack("text", [row[4] for row in course.refusals]),
            ),
        )
