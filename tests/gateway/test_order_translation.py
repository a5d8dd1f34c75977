"""Every kind of order in every version: a call that the version's own schema allows, or a sentence
that says why there is none."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from gateway import schemas
from gateway.dialect import Call, NotInThisVersion, OrderContext
from gateway.limits import Limit, Limits, limits_of, split
from gateway.protocols import DIALECTS
from gateway.v201.orders import translate_order as to_201
from holdfast.contracts.charging_profile import ChargingProfile
from holdfast.contracts.orders import OrderKind
from holdfast.services.ocpp_actions import ONLY_FROM_STATIONS, actions_to, check_call
from holdfast.services.refusal import Invalid
from tests.gateway.order_samples import (
    ALL,
    AT,
    CONTEXT,
    ORDERS,
    PROFILE,
    TRANSLATIONS,
    V16,
    V21,
    V201,
)


def problems(protocol: str, calls: tuple[Call, ...]) -> list[str]:
    found = []
    for call in calls:
        assert schemas.validator(protocol, call.action) is not None, call.action
        wrong = schemas.violation(protocol, call.action, call.payload)
        if wrong is not None:
            found.append(f"{call.action}: {wrong.text}")
    return found


def test_every_kind_of_order_is_tried() -> None:
    assert {kind for kind, _, _ in ORDERS} == set(get_args(OrderKind))


@pytest.mark.parametrize("protocol", ALL)
@pytest.mark.parametrize(
    ("kind", "order", "actions"),
    ORDERS,
    ids=[f"{kind}-{n}" for n, (kind, _, _) in enumerate(ORDERS)],
)
def test_an_order_becomes_a_call_that_the_schema_allows_or_a_sentence(
    protocol: str, kind: str, order: dict[str, Any], actions: dict[str, str]
) -> None:
    if kind == "call" and protocol not in actions:
        return  # a raw call is sent as it is
    if protocol not in actions:
        with pytest.raises(NotInThisVersion, match=r"\w+ \w+"):
            TRANSLATIONS[protocol](kind, order, CONTEXT)
        return

    calls = TRANSLATIONS[protocol](kind, order, CONTEXT)

    assert {call.action for call in calls} == {actions[protocol]}
    assert problems(protocol, calls) == []


@pytest.mark.parametrize("protocol", ALL)
def test_a_list_is_split_by_the_limit_and_ends_at_its_version(protocol: str) -> None:
    entries = [{"uid": f"TOKEN{n}", "type": "ISO14443", "status": "accepted"} for n in range(10)]
    order = {"version": 40, "update": "full", "entries": entries}
    context = OrderContext(limits=Limits(local_list=Limit(items=4)))

    calls = TRANSLATIONS[protocol]("local_list", order, context)

    version = "listVersion" if protocol == V16 else "versionNumber"
    assert [len(call.payload["localAuthorizationList"]) for call in calls] == [4, 4, 2]
    assert [call.payload[version] for call in calls] == [38, 39, 40]
    assert [call.payload["updateType"] for call in calls] == ["Full"] + ["Differential"] * 2
    assert problems(protocol, calls) == []
    with pytest.raises(NotInThisVersion, match="at least 3"):
        TRANSLATIONS[protocol]("local_list", order | {"version": 2}, context)


def test_items_are_split_by_number_and_by_bytes() -> None:
    assert split([], Limit(items=3)) == [[]]
    assert split([1, 2, 3, 4], Limit(items=3)) == [[1, 2, 3], [4]]
    long = ["x" * 100] * 4
    assert [len(part) for part in split(long, Limit(items=9, bytes=256 + 210))] == [2, 2]
    with pytest.raises(ValueError, match="more than the station takes"):
        split(["x" * 100], Limit(items=9, bytes=300))


def test_limits_come_from_what_the_station_reports() -> None:
    limits = limits_of(
        [
            ("", "SendLocalListMaxLength", None, "25"),
            ("DeviceDataCtrlr", "ItemsPerMessage", "SetVariables", "4"),
            ("DeviceDataCtrlr", "BytesPerMessage", "SetVariables", "2048"),
            ("SmartChargingCtrlr", "PeriodsPerSchedule", None, "24"),
            ("DeviceDataCtrlr", "ItemsPerMessage", "GetReport", "-1"),
            ("DeviceDataCtrlr", "ItemsPerMessage", "Unheard", "1"),
        ]
    )

    assert limits.local_list == Limit(items=25)
    assert limits.set_variables == Limit(items=4, bytes=2048)
    assert limits.schedule_periods == 24
    assert limits.report == Limits().report


@pytest.mark.parametrize("protocol", ALL)
def test_a_profile_with_more_periods_than_the_station_takes_is_not_sent(protocol: str) -> None:
    context = OrderContext(limits=Limits(schedule_periods=1))

    with pytest.raises(NotInThisVersion, match="at most 1 periods; this one has 2"):
        TRANSLATIONS[protocol]("charging_profile", {"evse": 1, "profile": PROFILE}, context)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"purpose": "external"}, "station_max"),
        ({"purpose": "tx"}, "needs the transaction_id"),
        ({"transaction_id": "T"}, "only a profile of purpose tx"),
        ({"recurrency": None}, "recurrency belongs"),
        (
            {
                "kind": "absolute",
                "recurrency": None,
                "schedules": [{"unit": "A", "periods": [{"start_s": 0, "limit": 6}]}],
            },
            "needs start_at",
        ),
        ({"kind": "relative", "recurrency": None}, "has no start_at"),
        (
            {"schedules": [{"unit": "A", "start_at": AT, "periods": [{"start_s": 5, "limit": 6}]}]},
            "starts at 0",
        ),
    ],
)
def test_e16_a_profile_that_stations_refuse_is_refused_before(
    change: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        ChargingProfile.model_validate(PROFILE | change)


def test_actions_that_only_stations_send_are_those_that_handlers_read() -> None:
    heard = {action for dialect in DIALECTS.values() for action in dialect.handlers}

    assert heard - {"DataTransfer"} <= ONLY_FROM_STATIONS
    for protocol, translate in TRANSLATIONS.items():
        for kind, order, actions in ORDERS:
            if protocol in actions:
                calls = translate(kind, order, CONTEXT)
                assert {call.action for call in calls} <= actions_to(protocol)


@pytest.mark.parametrize(
    ("protocol", "action", "payload", "sentence"),
    [
        (V16, "BootNotification", {}, "only stations"),
        (V16, "GetVariables", {}, "use an action of OCPP 1.6"),
        (V201, "reset", {}, "Reset is one"),
        (V201, "Reset", {"type": "Soft"}, "payload.type"),
        (V21, "SetDefaultTariff", {"evseId": 1}, "tariff"),
    ],
)
def test_a_raw_call_that_cannot_be_is_refused_with_field_and_rule(
    protocol: str, action: str, payload: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        check_call(protocol, action, payload)


def test_a_raw_call_may_break_the_schema_on_purpose() -> None:
    check_call(V201, "Reset", {"type": "Soft"}, validate=False)


def test_a_stamp_is_whole_seconds_in_utc() -> None:
    order = {"location": "x", "retrieve_at": "2026-03-01T14:00:00.5+02:00"}

    (call,) = to_201("update_firmware", order, CONTEXT)

    assert call.payload["firmware"]["retrieveDateTime"] == "2026-03-01T12:00:00Z"
    assert datetime(2026, 3, 1, 12, tzinfo=UTC).isoformat() == "2026-03-01T12:00:00+00:00"
