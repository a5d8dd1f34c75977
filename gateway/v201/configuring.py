"""What OCPP 2.x stations answer to variables read and set, monitors, and asks for a report."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from gateway.reading import objects, text, whole
from gateway.v201.device_model import (
    ENTRIES_MAX,
    MONITOR_TYPES,
    decimal_text,
    severity_of,
    value_of,
    value_text,
)
from gateway.v201.places import ATTRIBUTE_WORDS, attribute_of, place_of
from holdfast.contracts.facts import (
    MonitorsCleared,
    MonitorsReported,
    MonitorValue,
    ReportExpected,
    SettingResult,
    SettingsAnswered,
    SettingStatus,
    VariablesReported,
    VariableValue,
)
from holdfast.domain.variables import is_secret

STATUSES: Final[Mapping[str, SettingStatus]] = {
    "accepted": "accepted",
    "rebootrequired": "needs_reboot",
    "rejected": "rejected",
    "unknowncomponent": "not_known",
    "unknownvariable": "not_known",
    "notsupportedattributetype": "rejected",
}
SCOPES: Final[Mapping[str, Literal["full", "configuration", "summary"]]] = {
    "FullInventory": "full",
    "ConfigurationInventory": "configuration",
    "SummaryInventory": "summary",
}

Request = Mapping[str, Any]
Response = Mapping[str, Any]


def got_variables(_request: Request, response: Response, at: datetime) -> VariablesReported | None:
    """GetVariables (B06): those that it could read, and those that it does not have."""
    values, missing = [], []
    for item in objects(response.get("getVariableResult"), ENTRIES_MAX):
        place, word = place_of(item), _word(item, "attributeStatus")
        if place is not None and word == "accepted":
            values.append(value_of(place, item, {}, "attributeValue"))
        elif place is not None and STATUSES.get(word) == "not_known":
            missing.append(VariableValue(**place.fields, attribute=attribute_of(item)))
    if not values and not missing:
        return None
    return VariablesReported(at=at, source="get", variables=tuple(values), missing=tuple(missing))


def set_variables(request: Request, response: Response, at: datetime) -> SettingsAnswered | None:
    """SetVariables (B05): a status for each. The values are those of the request."""
    sent = {}
    for item in objects(request.get("setVariableData"), ENTRIES_MAX):
        place = place_of(item)
        if place is not None:
            sent[place, attribute_of(item)] = value_text(item, "attributeValue") or ""
    results = []
    for item in objects(response.get("setVariableResult"), ENTRIES_MAX):
        place, status = place_of(item), STATUSES.get(_word(item, "attributeStatus"))
        if place is None or status is None:
            continue
        attribute = attribute_of(item)
        value = sent.get((place, attribute))
        if value is None:
            continue
        results.append(
            SettingResult(
                **place.fields,
                attribute=attribute,
                value=None if is_secret(place.variable) else value,
                status=status,
                word=text(item, "attributeStatus", 40) or "",
            )
        )
    return SettingsAnswered(at=at, results=tuple(results)) if results else None


def report_promised(request: Request, response: Response, at: datetime) -> ReportExpected | None:
    """GetBaseReport (B07), GetReport (B08), GetMonitoringReport (N02)."""
    request_id, word = whole(request.get("requestId")), _word(response, "status")
    if request_id is None or word not in ("accepted", "emptyresultset"):
        return None
    return ReportExpected(
        at=at,
        request_id=request_id,
        scope=SCOPES.get(text(request, "reportBase", 40) or "", "custom"),
        empty=word == "emptyresultset",
    )


def monitoring_promised(
    request: Request, response: Response, at: datetime
) -> ReportExpected | None:
    """GetMonitoringReport (N02): of all monitors where the request names no criterion."""
    promised = report_promised(request, response, at)
    if promised is None:
        return None
    narrowed = request.get("componentVariable") or request.get("monitoringCriteria")
    return ReportExpected(
        at=at,
        request_id=promised.request_id,
        subject="monitors",
        scope="custom" if narrowed else "full",
        empty=promised.empty,
    )


def set_monitors(request: Request, response: Response, at: datetime) -> MonitorsReported | None:
    """SetVariableMonitoring (N04): the monitors that the station accepted, with its own ids."""
    asked = objects(request.get("setMonitoringData"), ENTRIES_MAX)
    monitors = []
    for item in objects(response.get("setMonitoringResult"), ENTRIES_MAX):
        place, number = place_of(item), whole(item.get("id"))
        severity = severity_of(item.get("severity"))
        if _word(item, "status") != "accepted" or None in (place, number, severity):
            continue
        assert place is not None  # noqa: S101 - said above
        assert number is not None  # noqa: S101 - said above
        wanted = next(
            (
                one
                for one in asked
                if place_of(one) == place
                and one.get("type") == item.get("type")
                and severity_of(one.get("severity")) == severity
            ),
            {},
        )
        word = text(item, "type", 40) or ""
        monitors.append(
            MonitorValue(
                **place.fields,
                number=number,
                type=MONITOR_TYPES.get(word, word),
                value=decimal_text(wanted, "value"),
                severity=severity or 0,
                in_transactions_only=wanted.get("transaction") is True,
                origin="custom",
            )
        )
    return MonitorsReported(at=at, source="set", monitors=tuple(monitors)) if monitors else None


def cleared_monitors(_request: Request, response: Response, at: datetime) -> MonitorsCleared | None:
    """ClearVariableMonitoring (N06): gone are those cleared, and those it never had."""
    gone = [
        number
        for item in objects(response.get("clearMonitoringResult"), ENTRIES_MAX)
        if (number := whole(item.get("id"))) is not None
        and _word(item, "status") in ("accepted", "notfound")
    ]
    return MonitorsCleared(at=at, numbers=tuple(gone)) if gone else None


def attribute_payload(item: Mapping[str, Any]) -> dict[str, str]:
    """The attribute of an order's item; the actual value goes without saying."""
    attribute = item.get("attribute") or "actual"
    return {} if attribute == "actual" else {"attributeType": ATTRIBUTE_WORDS[attribute]}


def _word(item: Mapping[str, Any], name: str) -> str:
    return (text(item, name, 40) or "").casefold()
