"""Certificates, passwords and network profiles: nothing is forced, and nobody is locked out."""

from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import network_changes, password_rotations, station_certificates
from holdfast.contracts.network_changes import ChangeSeen
from holdfast.contracts.password_rotations import EndRotation, RotationSeen
from holdfast.contracts.station_certificates import EndRequest, RequestSeen
from holdfast.testing import Refusal, SteppedCertificates, SteppedNetwork, SteppedRotations
from tests.workflows.running import finished, running
from tests.workflows.security_scenarios import certificate_start, change_start, rotation_start


async def test_a_certificate_leaves_five_seconds_after_the_answer(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedCertificates()
    began = await time_skipping.get_current_time()
    async with running(
        time_skipping.client, station_certificates.WORKFLOW, certificate_start(), fake.activities()
    ) as handle:
        await finished(handle)

    assert fake.script.names() == ["sign", "send", "look", "end"]
    assert (await time_skipping.get_current_time() - began).total_seconds() >= 5
    (ended,) = fake.script.orders("end")
    assert isinstance(ended, EndRequest)
    assert ended.state == "installed"


async def test_a_certificate_that_the_station_refuses_is_not_sent_again(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedCertificates()
    fake.script.answers["look"] = [RequestSeen(state="signed", order="rejected")]
    async with running(
        time_skipping.client, station_certificates.WORKFLOW, certificate_start(), fake.activities()
    ) as handle:
        result = RequestSeen.model_validate(await finished(handle))

    assert result.state == "rejected"
    assert fake.script.names() == ["sign", "send", "look", "end"]


async def test_what_cannot_be_signed_ends_as_failed(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedCertificates()
    fake.script.answers["sign"] = [Refusal("BadRequest")]
    async with running(
        time_skipping.client, station_certificates.WORKFLOW, certificate_start(), fake.activities()
    ) as handle:
        result = RequestSeen.model_validate(await finished(handle))

    assert result.state == "failed"
    assert fake.script.names() == ["sign", "end"]


async def test_a_station_that_never_comes_with_its_new_password_keeps_the_old_one(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedRotations()
    start = await rotation_start(time_skipping)
    async with running(
        time_skipping.client, password_rotations.WORKFLOW, start, fake.activities()
    ) as handle:
        result = RotationSeen.model_validate(await finished(handle))

    assert result.state == "failed"
    assert await time_skipping.get_current_time() >= start.deadline_at
    assert "reset" not in fake.script.names()
    assert len(fake.script.orders("look")) < 250


async def test_a_refused_password_ends_the_rotation_at_once(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedRotations()
    fake.script.answers["look"] = [RotationSeen(state="pending", order="rejected")]
    start = await rotation_start(time_skipping)
    async with running(
        time_skipping.client, password_rotations.WORKFLOW, start, fake.activities()
    ) as handle:
        await finished(handle)

    assert fake.script.names() == ["send", "look", "end"]
    (ended,) = fake.script.orders("end")
    assert isinstance(ended, EndRotation)
    assert ended.reason == "the station refused it"


async def test_a_station_that_comes_the_new_way_keeps_it(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedNetwork()
    async with running(
        time_skipping.client,
        network_changes.WORKFLOW,
        await change_start(time_skipping),
        fake.activities(),
    ) as handle:
        result = ChangeSeen.model_validate(await finished(handle))

    assert result.state == "done"
    steps = [name for name in fake.script.names() if not name.startswith("look")]
    assert steps == ["profile", "priority", "reset", "active", "end"]


async def test_a_station_that_does_not_come_gets_its_list_of_slots_back(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedNetwork()
    away = ChangeSeen(state="returning", order="accepted", back=False, slot=2)
    fake.script.answers["look:reset"] = [away] * 200
    async with running(
        time_skipping.client,
        network_changes.WORKFLOW,
        await change_start(time_skipping),
        fake.activities(),
    ) as handle:
        result = ChangeSeen.model_validate(await finished(handle))

    assert result.state == "fallen_back"
    steps = [name for name in fake.script.names() if not name.startswith("look")]
    assert steps == ["profile", "priority", "reset", "restore", "end"]
