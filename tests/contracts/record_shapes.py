"""`python -m tests.contracts.record_shapes`: add the present shape of every message to the corpus.

A recorded shape is never changed or removed: it stands for messages that are in histories, in the
outbox and between processes of two versions. A message that is as it was recorded last adds none.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from inspect import isclass
from pathlib import Path
from pkgutil import iter_modules
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

import holdfast.contracts
from holdfast.contracts.message import Message

SHAPES = Path(__file__).parent / "shapes"


def messages() -> dict[str, type[Message]]:
    """Every message by "module.Class"."""
    found = {}
    for module in iter_modules(holdfast.contracts.__path__):
        for thing in vars(import_module(f"holdfast.contracts.{module.name}")).values():
            if isclass(thing) and issubclass(thing, Message) and thing is not Message:
                found[f"{thing.__module__.rpartition('.')[2]}.{thing.__name__}"] = thing
    return found


def values(kind: Any) -> list[Any]:
    """What a field of this type may look like on the wire, every word of a Literal among it."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return list(parts)
    if origin in (Union, UnionType):
        return [value for part in parts if part is not NoneType for value in values(part)]
    if origin is tuple:
        return [[value] for value in values(parts[0])]
    if isclass(kind) and issubclass(kind, Message):
        return list(examples(kind))
    plain: dict[Any, Any] = {
        str: "text",
        int: 7,
        float: 7.5,
        bool: True,
        UUID: "0192f5a0-0000-7000-8000-000000000001",
        datetime: "2026-03-01T12:00:00Z",
    }
    return [plain[kind]]


def examples(message: type[Message]) -> Iterator[dict[str, Any]]:
    """The least that must be said, all that can be said, and each other word of its fields."""
    message.model_rebuild()  # names of messages that are defined further below
    fields = message.model_fields
    yield {
        name: values(field.annotation)[0] for name, field in fields.items() if field.is_required()
    }
    full = {name: values(field.annotation)[0] for name, field in fields.items()}
    yield full
    for name, field in fields.items():
        for other in values(field.annotation)[1:]:
            yield {**full, name: other}


def recorded(name: str) -> list[list[dict[str, Any]]]:
    """The shapes of a message, oldest first; each is a list of examples."""
    path = SHAPES / f"{name}.json"
    shapes: list[list[dict[str, Any]]] = json.loads(path.read_text()) if path.exists() else []
    return shapes


def record() -> None:
    """Add what is new."""
    SHAPES.mkdir(exist_ok=True)
    for name, message in messages().items():
        shapes, present = recorded(name), list(examples(message))
        if shapes and shapes[-1] == present:
            continue
        (SHAPES / f"{name}.json").write_text(json.dumps([*shapes, present], indent=1) + "\n")
        print(f"recorded {name} at {datetime.now(UTC):%Y-%m-%d}")


if __name__ == "__main__":
    record()
