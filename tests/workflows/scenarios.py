"""Ways that workflows go, told once: recorded as histories, and replayed before every change."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from holdfast.contracts import late_truth, orders, payments, sessions
from holdfast.contracts.message import Message
from holdfast.testing import (
    NOTED,
    Refusal,
    Script,
    SteppedOrders,
    SteppedPayments,
    SteppedSessions,
)
from tests.workflows.feed_scenarios import FEED_SCENARIOS
from tests.workflows.publication_scenarios import PUBLICATION_SCENARIOS
from tests.workflows.running import ORGANIZATION, finished, pass_time, running
from tests.workflows.security_scenarios import SECURITY_SCENARIOS

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SESSION = UUID("00000000-0000-7000-8000-000000000051")
PAYMENT = UUID("00000000-0000-7000-8000-000000000052")
ORDER = UUID("00000000-0000-7000-8000-000000000053")
GATEWAY_QUEUE = "gw.recorded.00000000-0000-7000-8000-000000000054"

Scenario = Callable[[WorkflowEnvironment], Awaitable[str]]


def session_start(**fields: Any) -> sessions.StartSession:
    """An RFID session that has started."""
    values = {
        "session_id": SESSION, "organization": "acme", "organization_id": ORGANIZATION,
        "station": "CP-1", "evse": 1, "connector": 1, "started_at": AT,
    }  # fmt: skip
    return sessions.StartSession.model_validate({**values, **fields})


def payment_start(kind: str) -> payments.StartPayment:
    """60 EUR."""
    return payments.StartPayment.model_validate(
        {
            "payment_id": PAYMENT, "organization": "acme", "organization_id": ORGANIZATION,
            "kind": kind, "amount_minor": 6000, "currency": "EUR",
        }
    )  # fmt: skip


async def asked(script: Script, name: str, times: int = 1) -> None:
    """Wait until an activity was asked so often."""
    for _ in range(1500):
        if script.names().count(name) >= times:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} was asked {script.names().count(name)} times")


async def history_of(handle: WorkflowHandle[Any, Any]) -> str:
    """The whole history, after the end."""
    await finished(handle)
    return (await handle.fetch_history()).to_json()


async def tell(handle: WorkflowHandle[Any, Any], name: str, message: Message) -> None:
    """A signal, and a moment for the workflow to act on it alone."""
    await handle.signal(name, message)
    await asyncio.sleep(0.15)


def ended(*, complete: bool = True) -> sessions.TransactionEndedSignal:
    """The station's end."""
    return sessions.TransactionEndedSignal(event_id="ended", at=AT, complete=complete)


async def ordinary_session(environment: WorkflowEnvironment) -> str:
    """RFID start, one suspension, end, card account."""
    fake = SteppedSessions()
    async with running(
        environment.client, sessions.WORKFLOW, session_start(), fake.activities()
    ) as handle:
        await asked(fake.script, "begin")
        for state in ("suspended_ev", "charging"):
            signal = sessions.ChargingStateSignal(event_id=state, at=AT, state=state)
            await tell(handle, sessions.CHARGING_STATE_CHANGED, signal)
        await tell(handle, sessions.TRANSACTION_ENDED, ended())
        return await history_of(handle)


async def refused_start(environment: WorkflowEnvironment) -> str:
    """A remote start that the station rejects."""
    fake = SteppedSessions()
    start = session_start(started_at=None)
    async with running(environment.client, sessions.WORKFLOW, start, fake.activities()) as handle:
        await asked(fake.script, "begin")
        refusal = sessions.StartRefusedSignal(event_id="order", order_state="rejected")
        await tell(handle, sessions.START_REFUSED, refusal)
        return await history_of(handle)


async def start_timeout(environment: WorkflowEnvironment) -> str:
    """A remote start that nothing comes of."""
    fake = SteppedSessions()
    start = session_start(started_at=None, start_timeout_s=60)
    async with running(environment.client, sessions.WORKFLOW, start, fake.activities()) as handle:
        return await history_of(handle)


async def ignored_stop(environment: WorkflowEnvironment) -> str:
    """A limit, and a charger that ignores the stop for minutes."""
    fake = SteppedSessions()
    fake.script.answers["check"] = [sessions.Check(verdict="stop", reason="energy")]
    async with running(
        environment.client, sessions.WORKFLOW, session_start(), fake.activities()
    ) as handle:
        await asked(fake.script, "begin")
        wire = sessions.TripwireSignal(event_id="wire", version=1)
        await tell(handle, sessions.TRIPWIRE_CROSSED, wire)
        for attempt in range(2, 5):
            await pass_time(environment, timedelta(seconds=61))
            await asked(fake.script, "stop", attempt)
        await asked(fake.script, "attention")
        await tell(handle, sessions.TRANSACTION_ENDED, ended())
        return await history_of(handle)


async def zombie(environment: WorkflowEnvironment) -> str:
    """Silence, attention, and an end in our own name."""
    fake = SteppedSessions()
    fake.script.answers["check"] = [
        sessions.Check(verdict="silent", reason="silence", tripwire_version=2),
        sessions.Check(verdict="zombie", reason="zombie", tripwire_version=2),
    ]
    async with running(
        environment.client, sessions.WORKFLOW, session_start(), fake.activities()
    ) as handle:
        for version in (1, 2):
            wire = sessions.TripwireSignal(event_id=f"wire {version}", version=version)
            await tell(handle, sessions.TRIPWIRE_CROSSED, wire)
            await asked(fake.script, "check", version)
        return await history_of(handle)


async def blocked_settlement(environment: WorkflowEnvironment) -> str:
    """Late final values, a quality finding, and a person who settles anyway."""
    fake = SteppedSessions()
    fake.script.answers["settle"] = [sessions.Settled(blocked="energy_above_power")]
    async with running(
        environment.client, sessions.WORKFLOW, session_start(), fake.activities()
    ) as handle:
        await asked(fake.script, "begin")
        await tell(handle, sessions.TRANSACTION_ENDED, ended(complete=False))
        await tell(handle, sessions.GAPS_CLOSED, sessions.EventSignal(event_id="gaps"))
        await asked(fake.script, "attention")
        decision = sessions.Resolution(action="settle_anyway", reason="checked")
        await handle.execute_update("resolve", decision)
        return await history_of(handle)


async def owed_messages(environment: WorkflowEnvironment) -> str:
    """Gaps at the end: the station holds messages at first, and then no more."""
    fake = SteppedSessions()
    fake.script.answers["ask"] = [sessions.Asked(asked=True), sessions.Asked(asked=True)]
    async with running(
        environment.client, sessions.WORKFLOW, session_start(), fake.activities()
    ) as handle:
        await asked(fake.script, "begin")
        await tell(handle, sessions.TRANSACTION_ENDED, ended(complete=False))
        for attempt, waiting in ((1, True), (2, False)):
            await asked(fake.script, "ask", attempt)
            answer = sessions.TransactionStatusSignal(
                event_id=f"answer {attempt}",
                order_state="accepted",
                ongoing=False,
                messages_waiting=waiting,
            )
            await tell(handle, sessions.TRANSACTION_STATUS_TOLD, answer)
            if waiting:
                await pass_time(environment, timedelta(seconds=31))
        return await history_of(handle)


async def ended_by_status(environment: WorkflowEnvironment) -> str:
    """A silent station says that the transaction is over."""
    fake = SteppedSessions()
    fake.script.answers["check"] = [
        sessions.Check(verdict="silent", reason="silence", tripwire_version=2)
    ]
    async with running(
        environment.client, sessions.WORKFLOW, session_start(), fake.activities()
    ) as handle:
        wire = sessions.TripwireSignal(event_id="wire", version=1)
        await tell(handle, sessions.TRIPWIRE_CROSSED, wire)
        await asked(fake.script, "attention")
        answer = sessions.TransactionStatusSignal(
            event_id="answer", order_state="accepted", ongoing=False, messages_waiting=False
        )
        await tell(handle, sessions.TRANSACTION_STATUS_TOLD, answer)
        return await history_of(handle)


async def captured_hold(environment: WorkflowEnvironment) -> str:
    """3-D Secure, a webhook, a capture."""
    fake = SteppedPayments()
    fake.script.answers["hold"] = [payments.PaymentSeen(state="action_required")]
    async with running(
        environment.client, payments.WORKFLOW, payment_start("hold"), fake.activities()
    ) as handle:
        await asked(fake.script, "hold")
        notice = payments.NoticeSignal(event_id="evt_1", type="payment_intent.succeeded")
        await tell(handle, payments.PROVIDER_NOTICED, notice)
        await asked(fake.script, "look")
        amount = payments.AmountSignal(event_id="settle", amount_minor=1000)
        await tell(handle, payments.CAPTURE_ASKED, amount)
        return await history_of(handle)


async def forgotten_hold(environment: WorkflowEnvironment) -> str:
    """No session came."""
    fake = SteppedPayments()
    async with running(
        environment.client, payments.WORKFLOW, payment_start("hold"), fake.activities()
    ) as handle:
        return await history_of(handle)


async def mended_charge(environment: WorkflowEnvironment) -> str:
    """A provider that refuses our key, until somebody mends it."""
    fake = SteppedPayments()
    fake.script.answers["charge"] = [Refusal("PaymentProviderUnusable")]
    async with running(
        environment.client, payments.WORKFLOW, payment_start("off_session"), fake.activities()
    ) as handle:
        await asked(fake.script, "attention")
        decision = payments.PaymentDecision(event_id="d", action="retry", audit_id=NOTED)
        await tell(handle, payments.OPERATOR_DECIDED, decision)
        return await history_of(handle)


async def waiting_order(environment: WorkflowEnvironment) -> str:
    """The station is away, comes back, and takes the order."""
    fake = SteppedOrders()
    start = orders.StartOrder(
        order_id=ORDER, organization="acme", organization_id=ORGANIZATION, station_id=SESSION,
        station="CP-1", kind="reset",
        not_after=await environment.get_current_time() + timedelta(minutes=10),
    )  # fmt: skip
    async with (
        Worker(
            environment.client,
            task_queue=GATEWAY_QUEUE,
            activities=[fake.send_order],
            identity="worker",
        ),
        running(environment.client, orders.WORKFLOW, start, fake.activities()) as handle,
    ):
        await asked(fake.script, "locate")
        fake.script.answers["locate"] = [orders.Whereabouts(task_queue=GATEWAY_QUEUE, generation=1)]
        await tell(handle, orders.STATION_CONNECTED, orders.EventSignal(event_id="connected"))
        return await history_of(handle)


async def late_facts(environment: WorkflowEnvironment) -> str:
    """Two late facts, priced once."""
    start = late_truth.StartLateTruth(
        session_id=SESSION, organization="acme", organization_id=ORGANIZATION, station="CP-1"
    )
    async with running(
        environment.client, late_truth.WORKFLOW, start, SteppedSessions().activities()
    ) as handle:
        fact = late_truth.EventSignal(event_id="late")
        await tell(handle, late_truth.FACT_CAME_LATE, fact)
        return await history_of(handle)


SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (
        ordinary_session,
        refused_start,
        start_timeout,
        ignored_stop,
        zombie,
        blocked_settlement,
        owed_messages,
        ended_by_status,
        captured_hold,
        forgotten_hold,
        mended_charge,
        waiting_order,
        late_facts,
        *SECURITY_SCENARIOS,
        *FEED_SCENARIOS,
        *PUBLICATION_SCENARIOS,
    )
}
