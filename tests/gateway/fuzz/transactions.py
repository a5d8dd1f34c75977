"""Transactions as stations tell them, and what becomes of the telling on the way.

A plan is messages with their truth: what the sessions must say in the end. A course is the order
in which they arrive: again, late, never, on another socket, at another gateway, after a restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from hypothesis import strategies as st

from tests.gateway.conftest import CARD

BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
UPDATES_MAX = 5
WH_PER_STEP_MAX = 400  # in a minute: 24 kW, which no rule takes for an impossible jump
CONTEXTS = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}
ROAD = ("same", "same", "same", "drop", "socket", "vanish")

Json = dict[str, Any]
Where = Literal["same", "other", "socket", "vanish", "restart"]


@dataclass(frozen=True)
class Truth:
    """What a session must be in the end."""

    energy_wh: int
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True)
class Step:
    """One message on its way: which of the plan, and where it goes."""

    number: int
    where: Where = "same"
    late: bool = False  # `offline`, as stations say when they send again


@dataclass(frozen=True)
class Plan:
    """Messages of OCPP 2.x and their truth by transaction id."""

    protocol: str
    messages: list[Json]
    truth: dict[str, Truth]


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def event(name: str, kind: str, number: int, at: datetime, register_wh: int) -> Json:
    """A TransactionEvent with its register."""
    value = {"value": register_wh, "context": CONTEXTS.get(kind, "Sample.Periodic")}
    return {
        "eventType": kind,
        "timestamp": stamp(at),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": number,
        "transactionInfo": {"transactionId": name},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": stamp(at), "sampledValue": [value]}],
    } | ({"idToken": {"idToken": CARD, "type": "ISO14443"}} if kind == "Started" else {})


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """One to three transactions, one after the other, with up to five updates each."""
    at, messages, truth = BEGAN, [], {}
    for name in "ABC"[: draw(st.integers(1, 3))]:
        register = first = draw(st.integers(0, 10**8))
        started_at = at
        steps = draw(st.lists(st.integers(0, WH_PER_STEP_MAX), min_size=1, max_size=UPDATES_MAX))
        messages.append(event(name, "Started", 0, at, register))
        for number, growth in enumerate(steps, 1):
            at += timedelta(seconds=60)
            register += growth
            kind = "Ended" if number == len(steps) else "Updated"
            messages.append(event(name, kind, number, at, register))
        truth[name] = Truth(register - first, started_at, at)
        at += timedelta(minutes=10)
    return Plan(draw(st.sampled_from(("ocpp2.0.1", "ocpp2.1"))), messages, truth)


@st.composite
def courses(draw: st.DrawFn, plan: Plan, *, restarts: bool = False) -> list[Step]:
    """An order in which the plan's messages arrive: updates may be lost, any may come again."""
    ways: Sequence[Any] = ("same", "same", "same", "other", "socket", "vanish")
    kept = [
        number
        for number, message in enumerate(plan.messages)
        if message["eventType"] != "Updated" or draw(st.integers(0, 3))
    ]
    again = draw(st.lists(st.sampled_from(kept), max_size=4))
    order = draw(st.permutations(kept + again))
    steps = [Step(number, draw(st.sampled_from(ways)), draw(st.booleans())) for number in order]
    if restarts:
        steps.insert(draw(st.integers(0, len(steps))), Step(order[0], "restart"))
    return steps


@st.composite
def told(draw: st.DrawFn, *, restarts: bool = False) -> tuple[Plan, list[Step]]:
    """A plan and how it arrives."""
    plan = draw(plans())
    return plan, draw(courses(plan, restarts=restarts))


@st.composite
def odd_registers(draw: st.DrawFn) -> tuple[Plan, list[int], list[int]]:
    """One transaction whose register falls, jumps and stands still; and two orders of arrival."""
    registers = draw(st.lists(st.integers(0, 60_000), min_size=2, max_size=6))
    messages = []
    for number, register in enumerate(registers):
        last = number == len(registers) - 1
        kind = "Started" if number == 0 else "Ended" if last else "Updated"
        at = BEGAN + timedelta(minutes=5 * number)
        messages.append(event("A", kind, number, at, register))
    numbers = list(range(len(messages)))
    return Plan("ocpp2.0.1", messages, {}), numbers, draw(st.permutations(numbers))
