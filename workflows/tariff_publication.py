"""A version of a tariff goes live: it waits for its first moment, tells stations, partners and
pages, keeps them told while it applies, and ends when another price does.

What each place shows is in the ledger's rows. A station that is away has its order waiting; that
is looked at now and then, and every place once a day, so that what was missed or mended comes to
its price without anybody thinking of it. Stations that are new, moved or came back empty do not
wait for that: the workers find them (`workers/price_looks.py`).
"""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from holdfast.contracts import tariff_publications as contract
from holdfast.contracts.names import ATTENTION
from holdfast.contracts.tariff_publications import (
    AttentionOrder,
    EndPublication,
    EventSignal,
    Portion,
    PublicationDecision,
    PublicationOrder,
    PublicationSeen,
    Resolution,
    ResolutionOrder,
    StartPublication,
)
from workflows.attention import Attention
from workflows.order_watch import Patience
from workflows.seen_events import SeenEvents, update_event_id
from workflows.step import Refused, step

SWEEP_EVERY = timedelta(days=1)
# After an end the stations are told by whatever applies next; this one looks once more behind it.
TELL_WITHIN = timedelta(minutes=5)
PORTIONS_MAX = 10_000
REASON_LENGTH_MAX = 500
EARLY = timedelta(seconds=1)


@workflow.defn(name=contract.WORKFLOW)
class TariffPublication:
    """One life of a version, from its approval to its end."""

    @workflow.init
    def __init__(self, start: StartPublication) -> None:
        self.start = start
        self.order = PublicationOrder(publication_id=start.publication_id)
        self.changes = self.looked = 0  # heard of, and of those: before the last look
        self.seen = SeenEvents()
        self.decision: ResolutionOrder | None = None
        self.left = start.left
        self.attention = Attention(self._write_attention)
        self.attention.reason = start.attention

    @workflow.run
    async def run(self, start: StartPublication) -> PublicationSeen:
        """Wait, tell, watch; one sweep over the places per history."""
        if start.attention is not None and start.rebuilt:
            workflow.upsert_search_attributes([ATTENTION.value_set(start.attention[:200])])
        seen = await self._look()
        while not seen.over and not start.told and seen.due_at > workflow.now():
            seen = await self._waited(seen)
        if not seen.over:
            await self._watch(await self._tell_all())
            seen = await self._look()
        if seen.over:
            return await self._end(seen)
        await self._decide(seen)
        await workflow.wait_condition(workflow.all_handlers_finished)
        carried = {"told": True, "rebuilt": False, "left": self.left}
        workflow.continue_as_new(
            start.model_copy(update={**carried, "attention": self.attention.reason})
        )

    @workflow.signal
    def publication_changed(self, fact: EventSignal) -> None:
        """An assignment, an end, a later version: look again now."""
        if self.seen.is_new(fact.event_id):
            self.changes += 1

    @workflow.signal
    def operator_decided(self, decision: PublicationDecision) -> None:
        """A person decided about the places that refused; the audit log has it."""
        if self.seen.is_new(decision.event_id):
            self.decision = ResolutionOrder(
                publication_id=self.start.publication_id, action=decision.action
            )

    @workflow.update
    def resolve(self, decision: Resolution) -> str:
        """The same decision, from the Temporal UI."""
        self.decision = ResolutionOrder(
            publication_id=self.start.publication_id,
            action=decision.action,
            reason=decision.reason[:REASON_LENGTH_MAX],
            event_id=update_event_id(),
        )
        return decision.action

    @resolve.validator
    def _may_resolve(self, decision: Resolution) -> None:
        if not decision.reason.strip():
            raise ApplicationError("say why: reason is empty", type="ReasonMissing")
        # Kept, it would wake the wait for the first moment again and again.
        if self.attention.reason is None:
            raise ApplicationError("nothing needs a decision", type="NothingToResolve")

    async def _waited(self, seen: PublicationSeen) -> PublicationSeen:
        self._say("waits until it comes into force")
        until_due = seen.due_at - workflow.now()
        await self._pause(self.looked, until_due, "until it comes into force")
        return await self._look()

    async def _tell_all(self) -> int:
        """Every place, portion by portion; returns how many changes were known at the first one.
        What can never work waits for a person."""
        after, stations, orders, changes = None, 0, 0, self.changes
        for _ in range(PORTIONS_MAX):
            portion = Portion(publication_id=self.start.publication_id, after=after)
            try:
                told = await step(
                    contract.tell_stations,
                    portion,
                    summary=f"stations from {stations + 1}",
                    within=TELL_WITHIN,
                )
            except Refused as error:
                await self._ask(f"cannot tell: {error.type}: {error.message}"[:200], changes)
                # What changed may be of a place that was told before.
                after, stations, orders, changes = None, 0, 0, self.changes
                continue
            stations, orders, after = stations + told.stations, orders + told.orders, told.last
            self._say(f"{stations} stations looked at, {orders} told")
            if after is None:
                break
        return changes

    async def _watch(self, changes: int) -> None:
        """Until there are more changes than these, it ends, or a day is over."""
        patience = Patience()
        until = workflow.now() + SWEEP_EVERY
        while self.changes == changes:
            seen = await self._look()
            if seen.over:
                return
            if seen.refused > self.left:
                await self.attention.ask(f"{seen.refused} places refused the price")
            elif not seen.refused:
                await self.attention.clear()
            last = min(until, seen.ends_at or until)
            if seen.asked:
                woken = await patience.pause(
                    last, lambda: self._stirred(changes), f"waits for answers, {seen.asked} open"
                )
            else:
                woken = await self._rest(changes, last)
            if self.decision is not None:
                await self._decide(seen)
                return
            if not woken and workflow.now() >= until:
                return

    async def _rest(self, changes: int, until: datetime) -> bool:
        left = until - workflow.now()
        if left <= timedelta(0):
            return False
        await self._pause(changes, left, "nothing to do")
        return True

    async def _pause(self, changes: int, how_long: timedelta, summary: str) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._stirred(changes),
                timeout=max(EARLY, how_long),
                timeout_summary=summary,
            )
        except TimeoutError:
            return

    def _stirred(self, changes: int) -> bool:
        return self.changes != changes or self.decision is not None

    async def _ask(self, reason: str, changes: int) -> None:
        """A person must mend it; any decision, or a change after these, tries again."""
        await self.attention.ask(reason)
        await workflow.wait_condition(lambda: self._stirred(changes))
        self.decision = None  # whatever it was, this is tried again
        await self.attention.clear()

    async def _decide(self, seen: PublicationSeen) -> None:
        decision, self.decision = self.decision, None
        if decision is None:
            return
        await step(contract.resolve_publication, decision, summary=f"decided: {decision.action}")
        self.left = seen.refused if decision.action == "leave" else 0
        await self.attention.clear()

    async def _look(self) -> PublicationSeen:
        self.looked = self.changes
        seen = await step(contract.look_at_publication, self.order, summary="how it stands")
        self._say(
            f"{seen.state}: shown at {seen.shown} places, asked {seen.asked}, "
            f"refused {seen.refused}, not possible {seen.unsupported}"
        )
        return seen

    async def _end(self, seen: PublicationSeen) -> PublicationSeen:
        """Places that still show it are told what applies instead, or nothing."""
        if not seen.withdrawn:
            await self._tell_all()
        order = EndPublication.model_validate(
            {
                "publication_id": self.start.publication_id,
                "state": "withdrawn" if seen.withdrawn else "ended",
            }
        )
        changes = self.changes
        seen = await step(contract.end_publication, order, summary=f"end: {order.state}")
        await self.attention.clear()
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self.changes != changes:
            # The row may have been opened again behind its end: what applied instead ended too, and
            # whoever saw to that found this workflow still there.
            seen = await self._look()
            if not seen.over:
                fresh = {"told": False, "rebuilt": False, "left": 0, "attention": None}
                workflow.continue_as_new(self.start.model_copy(update=fresh))
        self._say(seen.state)
        return seen

    def _say(self, details: str) -> None:
        """With what it is about: Temporal forgets the summary where a history is cut."""
        workflow.set_current_details(f"{self.start.summary}: {details}")

    async def _write_attention(self, reason: str | None) -> None:
        await step(
            contract.raise_publication_attention,
            AttentionOrder(publication_id=self.start.publication_id, reason=reason),
            summary=f"attention: {reason or 'none'}",
        )
