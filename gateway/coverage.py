"""What Holdfast does with every action of every OCPP version, as a page of the documentation:

    python -m gateway.coverage > docs/reference/ocpp.md

It is read from the code: the handlers of the dialects, and which order translates to which call.
"""

import importlib
import importlib.resources
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType

from gateway.actions import FROM_STATION, TO_STATION
from gateway.dialect import Dialect, Handler
from gateway.events import Event
from gateway.protocols import DIALECTS

FOLDERS = {"ocpp1.6": "v16", "ocpp2.0.1": "v201", "ocpp2.1": "v21"}
EXPERT = "ocpp-calls"
NOT_THERE = ""

HEAD = """\
# OCPP: every action

What Holdfast does with each action of OCPP 1.6 (with the security extension, edition 3), 2.0.1 and
2.1. This page is generated from the code by `python -m gateway.coverage > docs/reference/ocpp.md`;
a test fails when it is out of date, or when an action of the `ocpp` package is missing.
"""
FROM = """
## From the station

Every message is stored before it is answered. It becomes the fact named here
(`holdfast/contracts/facts.py`); an *event* is a row that the station's page and
`GET /api/v1/stations/{identity}/events` show under the kind given. An empty cell: the version has
no such action.
"""
TO = """
## To the station

The kinds of order that send an action. `ocpp-calls` sends any action as it is
(`POST /api/v1/stations/{identity}/ocpp-calls`), those with an order as well; it stands alone where
nothing else sends the action.
"""
TAIL = """
## Message types

| type | 1.6 | 2.0.1 | 2.1 |
|---|---|---|---|
| 2 CALL, 3 CALLRESULT, 4 CALLERROR | yes | yes | yes |
| 5 CALLRESULTERROR | ignored | `MessageTypeNotSupported` | logged with a finding, never answered |
| 6 SEND | ignored | `MessageTypeNotSupported` | stored, never answered; a bad one is only logged |
| any other | ignored | `MessageTypeNotSupported` | `MessageTypeNotSupported` |

A bad envelope or payload is answered, and never closes the socket. The payload of messages about
transactions and meters is never refused: what breaks its schema is stored with a finding.

## Stations that are not accepted

- OCPP 1.6, pending or rejected: messages are stored and answered, and no token is accepted.
- OCPP 2.x, pending: BootNotification, and what `TriggerMessage`, `GetBaseReport` or `GetReport`
  asked for on this connection. Anything else gets `SecurityError` (B02.FR.09).
- OCPP 2.x, rejected: BootNotification. Anything else gets `SecurityError` (B03).
- To a pending station: everything but remote start and stop. To a rejected one: nothing.

OCPP 1.6 has no answer for messages that come too early, and energy must not be lost for want of
one. Orders wait until the station is accepted, or until they expire.

## Questions

Some answers need somebody else: is this certificate revoked, who signs this contract. Such a
message is stored first; then its answer is found in a task of its own, within 20 seconds and at
most four at a time per station, so that nothing waits behind it. Where nobody can be asked, the
answer claims nothing. A question has no natural key: put again, it is asked again.
"""


def actions_of(protocol: str) -> frozenset[str]:
    """The actions that the `ocpp` package knows: those it names, and those it has schemas of."""
    folder = FOLDERS[protocol]
    named = {str(action.value) for action in importlib.import_module(f"ocpp.{folder}.enums").Action}
    files = importlib.resources.files("ocpp") / folder / "schemas"
    described = {
        file.name.removesuffix(".json").removesuffix("Request").removesuffix("Response")
        for file in files.iterdir()
        if file.name.endswith(".json")
    }
    return frozenset(named | described)


def orders_of(dialect: Dialect) -> dict[str, list[str]]:
    """Action to the kinds of order that can send it.

    Found in the constants of the translating functions: what a function can say, it names.
    """
    found: dict[str, list[str]] = {}
    actions = actions_of(dialect.protocol) & TO_STATION.keys()
    for kind, translate in sorted(_translations(dialect).items()):
        for action in sorted(actions & set(_texts(translate))):
            found.setdefault(action, []).append(kind)
    return found


def page() -> str:
    """The whole page."""
    return "".join([HEAD, FROM, "\n", *_from_station(), TO, "\n", *_to_station(), TAIL])


def _from_station() -> Iterator[str]:
    yield "| action | 1.6 | 2.0.1 | 2.1 | what it is | answer |\n|---|---|---|---|---|---|\n"
    for action, said in sorted(FROM_STATION.items()):
        cells = [_fact(dialect, action) for dialect in DIALECTS.values()]
        yield f"| {action} | {' | '.join(cells)} | {said.text} | {said.answer} |\n"


def _fact(dialect: Dialect, action: str) -> str:
    if action not in actions_of(dialect.protocol):
        return NOT_THERE
    handler: Handler | None = dialect.handlers.get(action)
    if handler is None:
        return "not implemented"
    if isinstance(handler.read, Event):
        return f"event `{handler.read.kind}`"
    return ", ".join(f"`{name}`" for name in FROM_STATION[action].fact.split(", "))


def _to_station() -> Iterator[str]:
    yield "| action | 1.6 | 2.0.1 | 2.1 | what for |\n|---|---|---|---|---|\n"
    orders = {protocol: orders_of(dialect) for protocol, dialect in DIALECTS.items()}
    for action, text in sorted(TO_STATION.items()):
        cells = [
            ", ".join(f"`{kind}`" for kind in orders[protocol].get(action, (EXPERT,)))
            if action in actions_of(protocol)
            else NOT_THERE
            for protocol in DIALECTS
        ]
        yield f"| {action} | {' | '.join(cells)} | {text} |\n"


def _translations(dialect: Dialect) -> dict[str, Callable[..., object]]:
    """The table that `translate_order` looks its kinds up in."""
    table = vars(sys.modules[dialect.translate_order.__module__])["_TRANSLATIONS"]
    return dict(table)


def _texts(function: object, seen: set[int] | None = None) -> Iterator[str]:
    """Every text in a function, in those inside it, and in those of the gateway that it calls."""
    seen = set() if seen is None else seen
    if isinstance(function, MethodType):
        function = function.__func__
    if not isinstance(function, FunctionType) or id(function) in seen:
        return
    seen.add(id(function))
    if not function.__module__.startswith("gateway."):
        return
    names: set[str] = set()
    for code in _codes(function.__code__):
        names |= set(code.co_names)
        yield from (text for text in code.co_consts if isinstance(text, str))
    for name in names:
        yield from _texts(function.__globals__.get(name), seen)
    for cell in function.__closure__ or ():
        if isinstance(cell.cell_contents, str):
            yield cell.cell_contents
        yield from _texts(cell.cell_contents, seen)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


if __name__ == "__main__":
    sys.stdout.write(page())
