"""A publication from its approval to its end, on a server where a day takes no time."""

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import tariff_publications as contract
from holdfast.contracts.tariff_publications import (
    AttentionOrder,
    EndPublication,
    EventSignal,
    Portion,
    PortionTold,
    PublicationOrder,
    PublicationSeen,
    Resolution,
    ResolutionOrder,
)
from holdfast.testing import Refusal
from holdfast.testing_publications import SteppedPublications
from tests.workflows.publication_scenarios import STATION, asked, in_days, publication_start
from tests.workflows.running import finished, pass_time, running


async def test_a_version_is_told_when_it_comes_into_force_portion_by_portion(
    time_skipping: WorkflowEnvironment,
) -> None:
    due_at = await in_days(time_skipping, 3)
    fake = SteppedPublications()
    fake.standing = PublicationSeen(state="live", due_at=due_at, shown=30)
    fake.script.answers["tell"] = [PortionTold(last=STATION, stations=25, orders=50)]
    over = fake.standing.model_copy(update={"over": True})
    fake.script.answers["look"] = [fake.standing, fake.standing, fake.standing, over, over]
    start = publication_start(due_at)
    async with running(time_skipping.client, contract.WORKFLOW, start, fake.activities()) as handle:
        ended = await finished(handle)

    assert ended["state"] == "ended"
    portions = [order for order in fake.script.orders("tell") if isinstance(order, Portion)]
    assert [portion.after for portion in portions[:2]] == [None, STATION]
    # The look before the first portion came when it was due, and not before.
    assert fake.script.names().index("tell") == 2
    assert await time_skipping.get_current_time() >= due_at


async def test_a_version_that_is_withdrawn_is_told_to_nobody(
    time_skipping: WorkflowEnvironment,
) -> None:
    due_at = await in_days(time_skipping, 3)
    fake = SteppedPublications()
    fake.standing = PublicationSeen(state="waiting", due_at=due_at)
    async with running(
        time_skipping.client, contract.WORKFLOW, publication_start(due_at), fake.activities()
    ) as handle:
        await asked(fake.script, "look")
        fake.standing = fake.standing.model_copy(update={"withdrawn": True, "over": True})
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        ended = await finished(handle)

    assert ended["state"] == "withdrawn"
    assert "tell" not in fake.script.names()


async def test_every_place_is_looked_at_once_a_day_and_the_history_starts_anew(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedPublications()
    start = publication_start(fake.standing.due_at)
    async with running(time_skipping.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await asked(fake.script, "tell")
        await pass_time(time_skipping, timedelta(days=3, hours=1))
        await asked(fake.script, "tell", 4)
        length = (await handle.describe()).history_length
        # The server keeps no summary over histories: each says anew what it is about.
        metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        fake.standing = fake.standing.model_copy(update={"over": True})
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        await finished(handle)

    assert length < 60
    assert metadata.current_details.startswith(f"{start.summary}: ")


async def test_a_change_is_told_at_once(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedPublications()
    start = publication_start(fake.standing.due_at)
    async with running(time_skipping.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await asked(fake.script, "tell")
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        await asked(fake.script, "tell", 2)
        fake.standing = fake.standing.model_copy(update={"over": True})
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="2"))
        await finished(handle)


class Held(SteppedPublications):
    """The first call of one activity goes on when the test says so."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    @activity.defn(name="publications.look")
    async def look_at_publication(self, order: PublicationOrder) -> PublicationSeen:
        await self._hold("look")
        return await super().look_at_publication(order)

    @activity.defn(name="publications.tell")
    async def tell_stations(self, order: Portion) -> PortionTold:
        await self._hold("tell")
        return await super().tell_stations(order)

    @activity.defn(name="publications.end")
    async def end_publication(self, order: EndPublication) -> PublicationSeen:
        seen = await super().end_publication(order)
        await self._hold("end")
        return seen

    async def _hold(self, name: str) -> None:
        if name == self.name and not self.begun.is_set():
            self.begun.set()
            await self.go_on.wait()


async def test_what_changes_while_places_are_told_is_told_at_once_too(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = Held("tell")
    start = publication_start(fake.standing.due_at)
    async with running(time_skipping.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await fake.begun.wait()
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        fake.go_on.set()
        await asked(fake.script, "tell", 2)
        fake.standing = fake.standing.model_copy(update={"over": True})
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="2"))
        await finished(handle)


async def test_what_changes_while_the_rows_are_looked_at_is_looked_at_too(
    time_skipping: WorkflowEnvironment,
) -> None:
    due_at = await in_days(time_skipping, 3)
    fake = Held("look")
    fake.standing = PublicationSeen(state="waiting", due_at=due_at)
    withdrawn = fake.standing.model_copy(update={"withdrawn": True, "over": True})
    fake.script.answers["look"] = [fake.standing, withdrawn]
    start = publication_start(due_at)
    async with running(time_skipping.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await fake.begun.wait()
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        fake.go_on.set()
        await asked(fake.script, "end")
        assert await time_skipping.get_current_time() < due_at
        await finished(handle)


async def test_one_that_applies_again_while_it_ends_goes_on(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = Held("end")
    applies, over = fake.standing, fake.standing.model_copy(update={"over": True})
    fake.standing = over
    start = publication_start(fake.standing.due_at)
    async with running(time_skipping.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await fake.begun.wait()
        fake.standing = applies
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        fake.go_on.set()
        await asked(fake.script, "tell", 2)
        fake.standing = over  # seen with the next look, a day later at the latest
        ended = await finished(handle)

    assert ended["state"] == "ended"
    assert fake.script.names().count("end") == 2


async def test_refusals_wait_for_a_person_and_are_asked_again_when_told_to(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedPublications()
    fake.standing = fake.standing.model_copy(update={"refused": 2})
    start = publication_start(fake.standing.due_at)
    async with running(time_skipping.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await asked(fake.script, "attention")
        (raised,) = fake.script.orders("attention")
        assert isinstance(raised, AttentionOrder)
        assert raised.reason == "2 places refused the price"
        fake.standing = fake.standing.model_copy(update={"refused": 0, "asked": 2})
        decision = Resolution(action="try_again", reason="new firmware")
        assert await handle.execute_update("resolve", decision) == "try_again"
        await asked(fake.script, "tell", 2)
        fake.standing = fake.standing.model_copy(update={"over": True})
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        await finished(handle)

    (order,) = fake.script.orders("resolve")
    assert isinstance(order, ResolutionOrder)
    assert (order.action, order.reason) == ("try_again", "new firmware")
    assert order.event_id, "by it the audit log knows a repeat"
    cleared = fake.script.orders("attention")[-1]
    assert isinstance(cleared, AttentionOrder)
    assert cleared.reason is None


async def test_what_cannot_be_told_waits_until_somebody_mends_it(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedPublications()
    fake.script.answers["tell"] = [Refusal("UnknownZone")]
    start = publication_start(fake.standing.due_at)
    async with running(time_skipping.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await asked(fake.script, "attention")
        await asyncio.sleep(0.1)
        assert fake.script.names().count("tell") == 1
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        await asked(fake.script, "tell", 2)
        fake.standing = fake.standing.model_copy(update={"over": True})
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="2"))
        await finished(handle)


async def test_where_nothing_waits_for_a_person_there_is_nothing_to_decide(
    time_skipping: WorkflowEnvironment,
) -> None:
    due_at = await in_days(time_skipping, 3)
    fake = SteppedPublications()
    fake.standing = PublicationSeen(state="waiting", due_at=due_at)
    start = publication_start(due_at)
    async with running(time_skipping.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await asked(fake.script, "look")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("resolve", Resolution(action="leave", reason="it is fine"))
        fake.standing = fake.standing.model_copy(update={"withdrawn": True, "over": True})
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        await finished(handle)

    assert "nothing needs a decision" in str(refused.value.cause)
    assert fake.script.names().count("look") == 2, "it went on waiting"


async def test_a_decision_in_the_temporal_ui_says_why(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedPublications()
    fake.standing = fake.standing.model_copy(update={"refused": 1})
    start = publication_start(fake.standing.due_at)
    async with running(time_skipping.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await asked(fake.script, "attention")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("resolve", {"action": "leave"})
        fake.standing = fake.standing.model_copy(update={"over": True})
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        await finished(handle)

    assert "say why" in str(refused.value.cause)
    assert "resolve" not in fake.script.names()
