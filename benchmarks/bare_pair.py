"""The peer: a pair of workflows that do nothing, with the same signals, activities and timers.

What `ChargingSession` and `Payment` ask of Temporal in an ordinary session, and nothing else: no
rows, no outbox, no search attributes, no summaries, no provider.
"""

from datetime import timedelta

from temporalio import activity, workflow

WITHIN = timedelta(seconds=30)


@activity.defn(name="bare.begin")
async def begin(_key: str) -> None:
    """In place of freezing a tariff and planting tripwires."""


@activity.defn(name="bare.settle")
async def settle(_key: str) -> None:
    """In place of pricing and settling."""


@activity.defn(name="bare.charge")
async def charge(_key: str) -> None:
    """In place of charging a card."""


@workflow.defn(name="BareSession")
class BareSession:
    """Begin, hear of a suspension, hear of the end, settle."""

    @workflow.init
    def __init__(self, key: str) -> None:
        self.ended = False
        self.states = 0

    @workflow.run
    async def run(self, key: str) -> None:
        """Two activities around one wait without a timer, as in the product."""
        await workflow.execute_activity(begin, key, start_to_close_timeout=WITHIN)
        await workflow.wait_condition(lambda: self.ended)
        await workflow.execute_activity(settle, key, start_to_close_timeout=WITHIN)

    @workflow.signal
    def charging_state_changed(self, _state: str) -> None:
        """The car suspended or resumed."""
        self.states += 1

    @workflow.signal
    def transaction_ended(self, _reason: str) -> None:
        """The end."""
        self.ended = True


@workflow.defn(name="BarePayment")
class BarePayment:
    """Charge."""

    @workflow.run
    async def run(self, key: str) -> None:
        """One activity."""
        await workflow.execute_activity(charge, key, start_to_close_timeout=WITHIN)
