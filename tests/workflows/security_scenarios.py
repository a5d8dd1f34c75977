"""Ways that certificates, passwords and network profiles go, recorded and replayed."""

from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import network_changes, password_rotations, station_certificates
from holdfast.contracts.network_changes import ChangeSeen, StartChange
from holdfast.contracts.password_rotations import EventSignal, RotationSeen, StartRotation
from holdfast.contracts.station_certificates import (
    RequestDecision,
    RequestSeen,
    StartCertificate,
)
from holdfast.testing import SteppedCertificates, SteppedNetwork, SteppedRotations
from tests.workflows.running import ORGANIZATION, finished, running

SUBJECT = UUID("00000000-0000-7000-8000-000000000061")
STATION = UUID("00000000-0000-7000-8000-000000000062")


def about(**fields: Any) -> dict[str, Any]:
    """What every start names."""
    return {
        "organization": "acme",
        "organization_id": ORGANIZATION,
        "station_id": STATION,
        "station": "CP-1",
        **fields,
    }


def certificate_start() -> StartCertificate:
    """A request."""
    return StartCertificate.model_validate(about(request_id=SUBJECT))


async def rotation_start(environment: WorkflowEnvironment, **fields: Any) -> StartRotation:
    """A rotation with a week's time."""
    deadline = await environment.get_current_time() + timedelta(days=7)
    return StartRotation.model_validate(
        about(rotation_id=SUBJECT, deadline_at=deadline.astimezone(UTC), **fields)
    )


async def change_start(environment: WorkflowEnvironment, **fields: Any) -> StartChange:
    """A change with a day's time, and a restart."""
    deadline = await environment.get_current_time() + timedelta(days=1)
    values = {"change_id": SUBJECT, "deadline_at": deadline.astimezone(UTC), "reset": True}
    return StartChange.model_validate(about(**(values | fields)))


async def approved_certificate(environment: WorkflowEnvironment) -> str:
    """A person approves; the first attempt is lost, the second is taken."""
    fake = SteppedCertificates()
    fake.script.answers["sign"] = [RequestSeen(state="approval")]
    fake.script.answers["look"] = [RequestSeen(state="signed", order="timed_out")]
    async with running(
        environment.client, station_certificates.WORKFLOW, certificate_start(), fake.activities()
    ) as handle:
        await handle.signal(
            station_certificates.REQUEST_DECIDED, RequestDecision(event_id="decided:1")
        )
        await finished(handle)
        return (await handle.fetch_history()).to_json()


async def seen_password(environment: WorkflowEnvironment) -> str:
    """Accepted, restarted, seen."""
    fake = SteppedRotations()
    waiting = RotationSeen(state="accepted", order="accepted")
    fake.script.answers["look"] = [waiting] * 8 + [RotationSeen(state="done", order="accepted")]
    start = await rotation_start(environment, reset=True)
    async with running(
        environment.client, password_rotations.WORKFLOW, start, fake.activities()
    ) as handle:
        await handle.signal(password_rotations.PASSWORD_SEEN, EventSignal(event_id="seen:1"))
        await finished(handle)
        return (await handle.fetch_history()).to_json()


async def fallen_back_network(environment: WorkflowEnvironment) -> str:
    """It comes back by the old slot."""
    fake = SteppedNetwork()
    fake.script.answers["look:active"] = [
        ChangeSeen(state="returning", order="accepted", back=True, active_slot=1, slot=2)
    ] * 2
    start = await change_start(environment)
    async with running(
        environment.client, network_changes.WORKFLOW, start, fake.activities()
    ) as handle:
        await finished(handle)
        return (await handle.fetch_history()).to_json()


SECURITY_SCENARIOS = (approved_certificate, seen_password, fallen_back_network)
