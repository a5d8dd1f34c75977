"""Transactions that are repeated, shuffled, lost in part and replayed keep their energy and their
times (G3); what was said once changes nothing the second time (G2)."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.conftest import CARD
from tests.gateway.fuzz.conftest import Pair
from tests.gateway.fuzz.effort import effort
from tests.gateway.fuzz.telling import Teller
from tests.gateway.fuzz.transactions import (
    BEGAN,
    WH_PER_STEP_MAX,
    Plan,
    Step,
    Truth,
    Where,
    odd_registers,
    stamp,
    told,
)

WAYS: tuple[Where, ...] = ("same", "same", "other", "socket", "vanish")


def truth_of(row: dict[str, Any]) -> Truth:
    return Truth(row["energy_wh"], row["started_at"], row["ended_at"])


async def tell_events(pair: Pair, plan: Plan, steps: list[Step]) -> None:
    teller = await Teller.of(pair, plan.protocol)
    for step in steps:
        message = plan.messages[step.number] | ({"offline": True} if step.late else {})
        await teller.tell("TransactionEvent", message, step.where)
    sessions = {row["transaction_id"]: truth_of(row) for row in await teller.sessions()}
    assert sessions == plan.truth
    assert len(await teller.sessions()) == len(plan.truth)
    before = await teller.digest()
    for number in sorted({step.number for step in steps}, reverse=True):
        await teller.tell("TransactionEvent", plan.messages[number] | {"offline": True})
    await teller.close()
    assert await teller.digest() == before


@effort(45)
@given(course=told())
async def test_events_in_any_order_make_each_session_once_with_its_energy(
    pair: Pair, course: tuple[Plan, list[Step]]
) -> None:
    await tell_events(pair, *course)


@effort(3)
@given(course=told(restarts=True))
async def test_a_restart_in_between_changes_no_answer_and_no_row(
    pair: Pair, course: tuple[Plan, list[Step]]
) -> None:
    await tell_events(pair, *course)


@effort(25)
@given(course=odd_registers())
async def test_energy_of_an_odd_register_does_not_depend_on_the_order_of_arrival(
    pair: Pair, course: tuple[Plan, list[int], list[int]]
) -> None:
    plan, *orders = course
    found = []
    for order in orders:
        teller = await Teller.of(pair, plan.protocol)
        for number in order:
            await teller.tell("TransactionEvent", plan.messages[number])
        await teller.close()
        (row,) = await teller.sessions()
        found.append((truth_of(row), row["sequence_gaps"], row["evse"], row["token_uid"]))
    assert found[0] == found[1]


@st.composite
def charges(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Transactions of OCPP 1.6 on two connectors: registers, samples, and the telling's order."""
    made = []
    for number in range(draw(st.integers(1, 3))):
        steps = draw(st.lists(st.integers(0, WH_PER_STEP_MAX), max_size=4))
        tellings = [("start", 0), ("stop", 0), *(("meter", at) for at in range(len(steps)))]
        again = draw(st.lists(st.sampled_from(tellings), max_size=4))
        made.append(
            {
                "begin": BEGAN + timedelta(hours=number),
                "connector": draw(st.integers(1, 2)),
                "card": draw(st.sampled_from((CARD, "STRANGER"))),
                "register": draw(st.integers(0, 10**8)),
                "steps": steps,
                "rest": draw(st.permutations(tellings[1:] + again)),
                "ways": draw(st.lists(st.sampled_from(WAYS), min_size=12, max_size=12)),
            }
        )
    return made


def message_of(charge: dict[str, Any], kind: str, at: int, number: int) -> tuple[str, Any]:
    begin, register, steps = charge["begin"], charge["register"], charge["steps"]
    if kind == "start":
        return "StartTransaction", {
            "connectorId": charge["connector"],
            "idTag": charge["card"],
            "timestamp": stamp(begin),
            "meterStart": register,
        }
    if kind == "stop":
        return "StopTransaction", {
            "transactionId": number,
            "timestamp": stamp(begin + timedelta(minutes=len(steps) + 1)),
            "meterStop": register + sum(steps),
        }
    moment = stamp(begin + timedelta(minutes=at + 1))
    value = {"value": str(register + sum(steps[: at + 1]))}
    return "MeterValues", {
        "connectorId": charge["connector"],
        "transactionId": number,
        "meterValue": [{"timestamp": moment, "sampledValue": [value]}],
    }


@effort(40)
@given(made=charges())
async def test_1_6_transactions_that_are_repeated_and_replayed_keep_their_energy(
    pair: Pair, made: list[dict[str, Any]]
) -> None:
    teller = await Teller.of(pair, "ocpp1.6")
    expected: dict[str, Truth] = {}
    said: list[tuple[str, Any]] = []
    for charge in made:
        begin = message_of(charge, "start", 0, 0)
        ways = charge["ways"]
        number = (await teller.tell(*begin, where=ways[0]))["transactionId"]
        said.append(begin)
        for turn, (kind, at) in enumerate(charge["rest"], 1):
            one = message_of(charge, kind, at, number)
            await teller.tell(*one, where=ways[turn % len(ways)])
            said.append(one)
        ended_at = charge["begin"] + timedelta(minutes=len(charge["steps"]) + 1)
        expected[str(number)] = Truth(sum(charge["steps"]), charge["begin"], ended_at)
    assert {row["transaction_id"]: truth_of(row) for row in await teller.sessions()} == expected
    before = await teller.digest()
    for one in reversed(said):
        await teller.tell(*one)
    await teller.close()
    assert await teller.digest() == before
