"""Messages of older versions are in histories, in the outbox and on their way: all still decode.

The SDK silently drops a signal that does not decode, so that a broken shape loses facts.
"""

from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.api.common.v1 import Payload

from holdfast.adapters.temporal import data_converter
from holdfast.contracts.catalogue import BY_NAME
from holdfast.contracts.message import Message
from holdfast.contracts.orders import StartOrder
from tests.contracts.record_shapes import SHAPES, examples, messages, recorded

MESSAGES = messages()
NEXT_YEARS = {"a_field_of_next_year": {"deep": [1, None]}, "_another": "text"}
RECORDED = [
    pytest.param(name, shape, id=f"{name}-{number}")
    for name in sorted(MESSAGES)
    for number, shape in enumerate(recorded(name))
]


def decoded(kind: type[Any], example: dict[str, Any]) -> Any:
    """Off the wire, as a worker or a client does it."""
    plain = data_converter().payload_converter.to_payloads([example])[0]
    payload = Payload(metadata={"encoding": b"json/plain"}, data=plain.data)
    return data_converter().payload_converter.from_payloads([payload], [kind])[0]


def said(message: Message, example: dict[str, Any]) -> dict[str, Any]:
    """What the message holds of an example's own words."""
    kept = message.model_dump(mode="json", exclude_unset=True)
    return {name: kept.get(name, "LOST") for name in example}


@pytest.mark.parametrize(("name", "shape"), RECORDED)
def test_every_recorded_older_shape_decodes_and_loses_nothing(
    name: str, shape: list[dict[str, Any]]
) -> None:
    for example in shape:
        assert said(decoded(MESSAGES[name], example), example) == example


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_fields_of_a_later_version_are_ignored(name: str) -> None:
    for example in examples(MESSAGES[name]):
        assert decoded(MESSAGES[name], {**example, **NEXT_YEARS}) == decoded(
            MESSAGES[name], example
        )


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_message_is_recorded_as_it_is_now(name: str) -> None:
    shapes = recorded(name)

    assert shapes, "run python -m tests.contracts.record_shapes"
    assert shapes[-1] == list(examples(MESSAGES[name])), "run it again: the message has changed"


def test_no_recorded_message_has_gone() -> None:
    """A message that is sent no more may still arrive."""
    assert {path.stem for path in SHAPES.glob("*.json")} == set(MESSAGES)


def test_what_workflows_are_started_with_and_hear_is_among_them() -> None:
    for contract in BY_NAME.values():
        assert {contract.start, *contract.signals.values()} <= set(MESSAGES.values())


def test_a_new_field_that_is_required_would_be_caught() -> None:
    class Grown(StartOrder):
        priority: int

    with pytest.raises((ValidationError, RuntimeError)):
        decoded(Grown, recorded("orders.StartOrder")[0][0])


def test_a_field_that_is_renamed_would_be_caught() -> None:
    class Renamed(Message):
        session_identifier: str = ""

    example = {"session_id": "text"}

    assert said(decoded(Renamed, example), example) != example
