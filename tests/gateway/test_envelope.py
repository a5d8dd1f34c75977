"""The envelope: whatever comes, it is answered under the right id, and nothing raises."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import envelope
from gateway.envelope import BadEnvelope, Call, CallError, CallResult, CallResultError, parse


def test_a_call_is_read() -> None:
    assert parse('[2, "27393929", "StatusNotification" ,{"connectorId":1}]') == Call(
        "27393929", "StatusNotification", {"connectorId": 1}
    )


def test_a_heartbeat_may_have_no_payload() -> None:
    assert parse('[2,"1","Heartbeat",null]') == Call("1", "Heartbeat", {})


def test_answers_are_read() -> None:
    assert parse('[3,"a",{"status":"Accepted"}]') == CallResult("a", {"status": "Accepted"})
    assert parse('[4,"a","GenericError","no",{"x":1}]') == CallError(
        "a", "GenericError", "no", {"x": 1}
    )
    assert parse('[4,"a",7]') == CallError("a", "GenericError", "", {})


@pytest.mark.parametrize(
    ("frame", "message_id"),
    [
        ("", "-1"),
        ("{", "-1"),
        ("[,2]", "-1"),
        ("{}", "-1"),
        ("[2]", "-1"),
        ('[2,7,"Heartbeat",{}]', "-1"),
        ('[2,"","Heartbeat",{}]', "-1"),
        ('[2,"' + "x" * 500 + '","Heartbeat",{}]', "-1"),
        ('[2,"a","Heartbeat"]', "a"),
        ('[2,"a",5,{}]', "a"),
        ('[2,"a","StatusNotification",null]', "a"),
        ('[2,"a","StatusNotification",[]]', "a"),
        ('[9,"a","Heartbeat",{}]', "a"),
        ('[true,"a","Heartbeat",{}]', "a"),
        ('[5,"a","GenericError","",{}]', "a"),
        ('[6,"a","NotifyPeriodicEventStream",{}]', "a"),
    ],
)
def test_a_bad_envelope_is_named_by_its_id_where_it_has_one(frame: str, message_id: str) -> None:
    read = parse(frame)

    assert isinstance(read, BadEnvelope)
    assert read.message_id == message_id
    assert read.answer


def test_a_bad_answer_is_not_answered() -> None:
    read = parse('[3,"a",[]]')

    assert isinstance(read, BadEnvelope)
    assert not read.answer


def test_ocpp21_has_two_more_message_types() -> None:
    sent = parse('[6,"a","NotifyPeriodicEventStream",{"id":1}]', sends=True)
    refused = parse('[5,"b","FormatViolation","no",{}]', sends=True)

    assert sent == Call("a", "NotifyPeriodicEventStream", {"id": 1}, unconfirmed=True)
    assert refused == CallResultError("b", "FormatViolation", "no")


@pytest.mark.parametrize(
    "frame", ['[6,"a","X",[]]', '[6,"a",5,{}]', '[6,"a","X"]', '[6,"a"]', '[6,"a","X",{', "[5]"]
)
def test_nothing_answers_a_bad_message_that_wanted_no_answer(frame: str) -> None:
    read = parse(frame, sends=True)

    assert isinstance(read, BadEnvelope)
    assert not read.answer


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_nothing_that_a_station_sends_raises(frame: bytes | str) -> None:
    parse(frame)
    parse(frame, sends=True)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=12,
    )
)
def test_no_json_raises(value: object) -> None:
    parse(orjson.dumps(value))
    parse(orjson.dumps([5, "a", value]), sends=True)
    parse(orjson.dumps([6, "a", "X", value]), sends=True)


def test_what_we_send_is_compact_and_keeps_the_order_of_keys() -> None:
    assert envelope.call_result("a", {"b": 1, "a": {"c": "d"}}) == b'[3,"a",{"b":1,"a":{"c":"d"}}]'
    assert envelope.call("a", "Reset", {"type": "Soft"}) == b'[2,"a","Reset",{"type":"Soft"}]'
    assert envelope.call_error("-1", "GenericError", "x" * 300) == (
        b'[4,"-1","GenericError","' + b"x" * 255 + b'",{}]'
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"1e400", "1e400"),
        (b"-1e999", "-1e999"),
        (b"1" * 400, "1" * 400),
        (b'"Caf\\ud800"', "Caf?"),
        (b"NaN", "NaN"),
        (b"-Infinity", "-Infinity"),
    ],
)
def test_what_the_fast_parser_cannot_read_costs_no_message(written: bytes, read: str) -> None:
    frame = b'[2,"7","StopTransaction",{"meterStop":%s,"transactionId":3}]' % written

    found = envelope.parse(frame)

    assert found == envelope.Call("7", "StopTransaction", {"meterStop": read, "transactionId": 3})


def test_what_is_nested_beyond_every_parser_is_answered_as_no_json() -> None:
    frame = b'[2,"7","StopTransaction",{"a":' + b"[" * 60_000 + b"]" * 60_000 + b"}]"

    assert envelope.parse(frame) == envelope.BadEnvelope("7", "the frame is not JSON")
