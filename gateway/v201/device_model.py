"""OCPP 2.0.1 and 2.1: reports of the device model (B07, B08, N02) and events (N07).

Read leniently: one entry that cannot be read does not cost the others of its part.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from gateway.dialect import Payload, Reading
from gateway.reading import Unreadable, digest, instant, objects, text, transaction_id, whole
from gateway.v201.places import Place, attribute_of, place_of
from gateway.v201.station import STATUSES
from holdfast.contracts.facts import (
    Clock,
    EventReported,
    Fact,
    FactsReported,
    MonitorsReported,
    MonitorValue,
    StatusReported,
    VariablesReported,
    VariableValue,
)
from holdfast.domain.variables import VALUE_LENGTH_MAX, is_secret

ENTRIES_MAX: Final = 5_000  # of a frame of at most 128 KiB
SEVERITY_MAX: Final = 9
LIMIT_LENGTH_MAX: Final = 40
LIST_LENGTH_MAX: Final = 2_000

Mutability = Literal["read_only", "write_only", "read_write"]
MUTABILITIES: Final[Mapping[str, Mutability]] = {
    "readonly": "read_only",
    "writeonly": "write_only",
    "readwrite": "read_write",
}
MONITOR_TYPES: Final[Mapping[str, str]] = {
    "UpperThreshold": "upper_threshold",
    "LowerThreshold": "lower_threshold",
    "Delta": "delta",
    "Periodic": "periodic",
    "PeriodicClockAligned": "periodic_clock_aligned",
    "TargetDelta": "target_delta",
    "TargetDeltaRelative": "target_delta_relative",
}
ORIGINS: Final[Mapping[str, str]] = {
    "HardWiredNotification": "hard_wired",
    "HardWiredMonitor": "hard_wired",
    "PreconfiguredMonitor": "preconfigured",
    "CustomMonitor": "custom",
}


def notify_report(payload: Payload, received_at: datetime) -> Reading:
    """A part of a report: B07 (base), B08 (custom)."""
    at, clock, key = _stamped("report", payload, received_at)
    variables = [
        value
        for item in objects(payload.get("reportData"), ENTRIES_MAX)
        for value in _variable_values(item)
    ]
    request_id, sequence = _numbered(payload)
    return Reading(
        VariablesReported(
            at=at,
            clock=clock,
            key=key,
            source="report",
            request_id=request_id,
            sequence=sequence,
            continued=payload.get("tbc") is True,
            variables=tuple(variables),
        )
    )


def notify_monitoring_report(payload: Payload, received_at: datetime) -> Reading:
    """A part of a monitoring report: N02."""
    at, clock, key = _stamped("monitors", payload, received_at)
    request_id, sequence = _numbered(payload)
    return Reading(
        MonitorsReported(
            at=at,
            clock=clock,
            key=key,
            source="report",
            request_id=request_id,
            sequence=sequence,
            continued=payload.get("tbc") is True,
            monitors=tuple(
                monitor
                for item in objects(payload.get("monitor"), ENTRIES_MAX)
                for monitor in _monitors(item)
            ),
        )
    )


def notify_event(payload: Payload, received_at: datetime) -> Reading:
    """N07: each event is one of its own, and tells a variable's value at its own time."""
    at, clock, key = _stamped("event", payload, received_at)
    facts: list[Fact] = []
    for item in objects(payload.get("eventData"), ENTRIES_MAX):
        facts += _event(item, received_at)
    if not facts:
        raise Unreadable("no event names its component and variable")
    return Reading(FactsReported(at=at, clock=clock, key=key, facts=tuple(facts)))


def value_text(payload: Mapping[str, Any], name: str) -> str | None:
    """A value: also the empty one, which says something; numbers and booleans as text."""
    if payload.get(name) == "":
        return ""
    return text(payload, name, VALUE_LENGTH_MAX)


def value_of(
    place: Place, item: Mapping[str, Any], about: Mapping[str, Any], name: str = "value"
) -> VariableValue:
    """One attribute. `about`: its VariableCharacteristicsType, or nothing."""
    mutability = MUTABILITIES.get((text(item, "mutability", 20) or "").casefold())
    monitored = about.get("supportsMonitoring")
    secret = is_secret(place.variable, mutability)
    return VariableValue(
        **place.fields,
        attribute=attribute_of(item, "type" if "type" in item else "attributeType"),
        value=None if secret else value_text(item, name),
        mutability=mutability,
        data_type=text(about, "dataType", LIMIT_LENGTH_MAX),
        unit=text(about, "unit", LIMIT_LENGTH_MAX),
        values_list=text(about, "valuesList", LIST_LENGTH_MAX),
        min_limit=text(about, "minLimit", LIMIT_LENGTH_MAX),
        max_limit=text(about, "maxLimit", LIMIT_LENGTH_MAX),
        supports_monitoring=monitored if isinstance(monitored, bool) else None,
    )


def decimal_text(item: Mapping[str, Any], name: str) -> str:
    """A number as sent; "" where there is none."""
    return text(item, name, LIMIT_LENGTH_MAX) or ""


def severity_of(value: object) -> int | None:
    """0 (danger) to 9 (debug)."""
    found = whole(value)
    return found if found is not None and 0 <= found <= SEVERITY_MAX else None


def _stamped(
    kind: str, payload: Payload, received_at: datetime
) -> tuple[datetime, Clock, str | None]:
    at, clock = instant(payload.get("generatedAt"), received_at)
    key = f"{kind}|{payload.get('generatedAt')}|{digest(payload)}" if clock == "ok" else None
    return at, clock, key


def _numbered(payload: Payload) -> tuple[int | None, int | None]:
    sequence = whole(payload.get("seqNo"))
    return whole(payload.get("requestId")), None if sequence is None or sequence < 0 else sequence


def _variable_values(item: Mapping[str, Any]) -> Iterator[VariableValue]:
    place = place_of(item)
    if place is None:
        return
    about = item.get("variableCharacteristics")
    characteristics = about if isinstance(about, dict) else {}
    for attribute in objects(item.get("variableAttribute"), 8) or [{}]:
        yield value_of(place, attribute, characteristics)


def _monitors(item: Mapping[str, Any]) -> Iterator[MonitorValue]:
    place = place_of(item)
    if place is None:
        return
    for monitor in objects(item.get("variableMonitoring"), ENTRIES_MAX):
        number, severity = whole(monitor.get("id")), severity_of(monitor.get("severity"))
        if number is None or severity is None:
            continue
        word = text(monitor, "type", LIMIT_LENGTH_MAX) or ""
        yield MonitorValue(
            **place.fields,
            number=number,
            type=MONITOR_TYPES.get(word, word),
            value=decimal_text(monitor, "value"),
            severity=severity,
            in_transactions_only=monitor.get("transaction") is True,
            origin=ORIGINS.get(text(monitor, "eventNotificationType", 40) or ""),
        )


def _event(item: Mapping[str, Any], received_at: datetime) -> list[Fact]:
    place = place_of(item)
    if place is None:
        return []
    at, clock = instant(item.get("timestamp"), received_at)
    value = value_of(place, item, {}, "actualValue")
    details = {
        "event": whole(item.get("eventId")),
        "cause": whole(item.get("cause")),
        "trigger": text(item, "trigger", 20),
        "monitor": whole(item.get("variableMonitoringId")),
        "component": place.component,
        "component_instance": place.component_instance,
        "variable": place.variable,
        "variable_instance": place.variable_instance,
        "value": value.value,
        "code": text(item, "techCode", 50),
        "info": text(item, "techInfo", 500),
        "cleared": True if item.get("cleared") is True else None,
        "origin": ORIGINS.get(text(item, "eventNotificationType", 40) or ""),
    }
    told: list[Fact] = [
        EventReported(
            at=at,
            clock=clock,
            kind="monitor",
            name=f"{place.component}.{place.variable}",
            severity=severity_of(item.get("severity")),
            evse=place.evse,
            connector=place.connector,
            transaction_id=transaction_id(item.get("transactionId")),
            details={name: found for name, found in details.items() if found is not None},
        ),
        VariablesReported(at=at, clock=clock, source="event", variables=(value,)),
    ]
    return told + _connector_state(place, value, at, clock)


def _connector_state(place: Place, value: VariableValue, at: datetime, clock: Clock) -> list[Fact]:
    """What a station may send instead of a StatusNotification (G01, alternative scenario)."""
    status = STATUSES.get((value.value or "").casefold())
    is_state = (place.component, place.variable) == ("Connector", "AvailabilityState")
    if not is_state or status is None or not place.evse:
        return []
    connector = place.connector or 1
    return [StatusReported(at=at, clock=clock, evse=place.evse, connector=connector, status=status)]
