"""Ways that a publication goes, recorded and replayed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import tariff_publications as contract
from holdfast.contracts.tariff_publications import (
    EventSignal,
    PortionTold,
    PublicationDecision,
    PublicationSeen,
    StartPublication,
)
from holdfast.testing import Refusal, Script
from holdfast.testing_publications import SteppedPublications
from tests.workflows.running import ORGANIZATION, finished, running

PUBLICATION = UUID("00000000-0000-7000-8000-000000000071")
TARIFF = UUID("00000000-0000-7000-8000-000000000072")
STATION = UUID("00000000-0000-7000-8000-000000000073")


def publication_start(valid_from: datetime, **fields: Any) -> StartPublication:
    """The second version of a tariff."""
    values = {
        "publication_id": PUBLICATION,
        "organization": "acme",
        "organization_id": ORGANIZATION,
        "tariff_id": TARIFF,
        "tariff": "DC by kWh",
        "number": 2,
        "valid_from": valid_from,
    }
    return StartPublication.model_validate({**values, **fields})


async def asked(script: Script, name: str, times: int = 1) -> None:
    """Wait until an activity was asked so often."""
    for _ in range(1500):
        if script.names().count(name) >= times:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} was asked {script.names().count(name)} times")


async def in_days(environment: WorkflowEnvironment, days: int) -> datetime:
    """By the test server's clock."""
    return (await environment.get_current_time()).astimezone(UTC) + timedelta(days=days)


async def published_version(environment: WorkflowEnvironment) -> str:
    """It waits for two days, tells in two portions, a station answers late, and it goes on."""
    due_at = await in_days(environment, 2)
    fake = SteppedPublications()
    waiting = PublicationSeen(state="waiting", due_at=due_at)
    asked = PublicationSeen(state="live", due_at=due_at, asked=1, shown=3)
    live = PublicationSeen(state="live", due_at=due_at, shown=4)
    fake.standing = live
    over = live.model_copy(update={"over": True, "ends_at": due_at})
    fake.script.answers["look"] = [waiting, waiting, asked, asked, live, live, over]
    fake.script.answers["tell"] = [PortionTold(last=STATION, stations=25, orders=50)]
    start = publication_start(due_at)
    async with running(environment.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await finished(handle)
        run_id = handle.first_execution_run_id
        first = environment.client.get_workflow_handle(handle.id, run_id=run_id)
        return (await first.fetch_history()).to_json()


async def refused_publication(environment: WorkflowEnvironment) -> str:
    """A price that cannot be read, mended; a station that refuses; a person; another version."""
    fake = SteppedPublications()
    refused = fake.standing.model_copy(update={"refused": 1})
    over = fake.standing.model_copy(update={"over": True})
    fake.script.answers["tell"] = [Refusal("TariffInvalid")]
    fake.script.answers["look"] = [refused, refused, over]
    start = publication_start(fake.standing.due_at, rebuilt=True, attention="1 places refused")
    async with running(environment.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await asked(fake.script, "attention")
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        await asked(fake.script, "attention", 3)
        await handle.signal(
            contract.OPERATOR_DECIDED, PublicationDecision(event_id="2", action="leave")
        )
        await finished(handle)
        run_id = handle.first_execution_run_id
        first = environment.client.get_workflow_handle(handle.id, run_id=run_id)
        return (await first.fetch_history()).to_json()


async def withdrawn_publication(environment: WorkflowEnvironment) -> str:
    """Taken back while it waits: nobody was told."""
    due_at = await in_days(environment, 30)
    fake = SteppedPublications()
    waiting = PublicationSeen(state="waiting", due_at=due_at)
    gone = waiting.model_copy(update={"withdrawn": True, "over": True})
    fake.script.answers["look"] = [waiting, gone]
    start = publication_start(due_at)
    async with running(environment.client, contract.WORKFLOW, start, fake.activities()) as handle:
        await handle.signal(contract.PUBLICATION_CHANGED, EventSignal(event_id="1"))
        await finished(handle)
        return (await handle.fetch_history()).to_json()


PUBLICATION_SCENARIOS = (published_version, refused_publication, withdrawn_publication)
