"""The workers process: workflows and activities by task queue, the relay, wakes and upkeep."""

import asyncio
import os
import socket
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.converter import PayloadCodec
from temporalio.worker import PollerBehaviorAutoscaling, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.network_changes import NetworkChanges
from activities.orders import Orders
from activities.password_rotations import PasswordRotations
from activities.payments import Payments
from activities.sessions import Sessions as SessionActivities
from activities.station_certificates import StationCertificates
from holdfast.adapters.organization_authority import OrganizationSigner
from holdfast.adapters.stripe import StripePayments
from holdfast.adapters.temporal import connect_for_ever
from holdfast.contracts.names import ORDERS_QUEUE, PAYMENTS_QUEUE, SESSIONS_QUEUE
from holdfast.contracts.ports import PaymentProvider
from holdfast.http.admin import Check, admin_app, admin_server
from holdfast.services.local_lists import begin_missing
from holdfast.services.ocmf import OcmfSignatures
from holdfast.services.station_certificates import ask_for_renewals
from holdfast.settings import Settings
from holdfast.store.database import Sessions, open_engine, open_sessions
from holdfast.telemetry import new_registry
from workers import price_looks, running_costs, upkeep, wakes
from workers.relay import Relay, RelayMetrics
from workers.role import Role
from workers.tariff_role import tariff_role
from workflows.charging_session import ChargingSession
from workflows.late_truth import LateTruth
from workflows.network_profile import NetworkProfile
from workflows.password_rotation import PasswordRotation
from workflows.payment import Payment
from workflows.station_certificate import StationCertificate
from workflows.station_order import StationOrder

GRACE = timedelta(seconds=8)
STICKY = timedelta(seconds=2)
POOL = 15
FAILED_PAUSE_S = 15.0
# Workflow files import contracts and domain only; neither has state, so one copy serves all.
PASSED_THROUGH = ("holdfast.contracts", "holdfast.domain", "pydantic", "pydantic_core")

log = structlog.get_logger()


def roles(
    settings: Settings, db_sessions: Sessions, provider: PaymentProvider | None
) -> list[Role]:
    """Every queue of this process, with its activities built on what is handed in."""
    sessions = SessionActivities(db_sessions, settings, OcmfSignatures())
    payments = Payments(db_sessions, provider)
    orders = Orders(db_sessions, settings.gateway_lease_s)
    return [
        Role(
            queue=SESSIONS_QUEUE,
            workflows=(ChargingSession, LateTruth),
            activities=(
                sessions.begin_session,
                sessions.check_session,
                sessions.stop_session,
                sessions.ask_transaction,
                sessions.end_session,
                sessions.cancel_session,
                sessions.settle_session,
                sessions.reprice_session,
                sessions.note_decision,
                sessions.raise_attention,
            ),
            activities_max=12,
        ),
        Role(
            queue=PAYMENTS_QUEUE,
            workflows=(Payment,),
            activities=(
                payments.hold_payment,
                payments.look_at_payment,
                payments.capture_payment,
                payments.charge_payment,
                payments.release_payment,
                payments.write_off_payment,
                payments.note_payment_decision,
                payments.raise_payment_attention,
            ),
            activities_max=12,
        ),
        Role(
            queue=ORDERS_QUEUE,
            workflows=(StationOrder, StationCertificate, PasswordRotation, NetworkProfile),
            activities=(
                orders.locate_station,
                orders.finish_order,
                *security_activities(settings, db_sessions),
            ),
            activities_max=6,
        ),
        *(role for role in (tariff_role(settings, db_sessions),) if role.workflows),
    ]


def security_activities(settings: Settings, db_sessions: Sessions) -> list[Callable[..., Any]]:
    """Steps of certificates, passwords and network profiles: each places an order, or looks."""
    certificates = StationCertificates(
        db_sessions, settings, OrganizationSigner(settings.secret_key, settings.public_url)
    )
    passwords = PasswordRotations(db_sessions)
    network = NetworkChanges(db_sessions)
    return [
        certificates.sign_certificate,
        certificates.send_certificate,
        certificates.look_at_request,
        certificates.end_request,
        passwords.send_password,
        passwords.look_at_rotation,
        passwords.reset_station,
        passwords.end_rotation,
        network.place_step,
        network.look_at_change,
        network.end_change,
    ]


def workflow_runner() -> SandboxedWorkflowRunner:
    """The sandbox, with contracts and domain passed through."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    )


def build_worker(
    client: Client, role: Role, settings: Settings, *, identity: str | None = None
) -> Worker:
    """A worker of one queue. Versioned only where a build id is set: a versioned worker without a
    current version would dispatch nothing."""
    deployment = None
    if settings.worker_build_id is not None:
        deployment = WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(
                deployment_name=f"holdfast-{role.queue}", build_id=settings.worker_build_id
            ),
            use_worker_versioning=True,
            # Here, not in the workflows: a server refuses a behaviour from unversioned workers.
            default_versioning_behavior=VersioningBehavior.PINNED,
        )
    return Worker(
        client,
        task_queue=role.queue,
        workflows=role.workflows,
        activities=role.activities,
        workflow_runner=workflow_runner(),
        identity=identity or worker_identity(role.queue, settings),
        max_cached_workflows=settings.max_cached_workflows,
        max_concurrent_activities=role.activities_max,
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=GRACE,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        deployment_config=deployment,
    )


def worker_identity(queue: str, settings: Settings) -> str:
    """`sessions@host:build`, as the UI shows it."""
    return f"{queue}@{socket.gethostname()}:{settings.worker_build_id or os.getpid()}"


class WorkersApp:
    """Everything of the process. `run` returns after `stop` and a graceful end."""

    def __init__(self, settings: Settings, codec: PayloadCodec | None = None) -> None:
        self._settings = settings
        self._codec = codec
        self._stopping = asyncio.Event()
        self._engine = open_engine(settings.database_url, pool_size=POOL)
        self._sessions = open_sessions(self._engine)
        self._client: Client | None = None
        self._polling: set[str] = set()
        registry = new_registry()
        self._relay = Relay(
            database_url=settings.database_url.get_secret_value(),
            db_sessions=self._sessions,
            client=lambda: self._client,
            metrics=RelayMetrics(registry),
        )
        self._stripe = StripePayments.opened(settings)
        self._roles = roles(settings, self._sessions, self._stripe)
        checks: dict[str, Check] = {
            "database": self._check_database,
            "temporal": self._check_temporal,
            "relay": self._check_relay,
        }
        self._admin = admin_server(
            admin_app("workers", checks, registry), settings.admin_host, settings.admin_port
        )

    def stop(self) -> None:
        """Begin a graceful end."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until stopped; Postgres and Temporal may come and go."""
        admin = asyncio.create_task(self._admin.serve(), name="admin")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._connect(), name="connect")
                group.create_task(self._relay.run(), name="relay")
                group.create_task(self._every(wakes.EVERY_S, self._wake), name="wakes")
                group.create_task(self._every(upkeep.EVERY_S, self._keep_up), name="upkeep")
                costs = running_costs.RunningCosts(self._sessions)
                group.create_task(self._every(running_costs.EVERY_S, costs.round), name="costs")
                looks = price_looks.PriceLooks(self._sessions)
                group.create_task(self._every(price_looks.EVERY_S, looks.round), name="looks")
                for role in self._roles:
                    group.create_task(self._work(role), name=role.queue)
                await self._stopping.wait()
                self._relay.stop()
        finally:
            self._admin.should_exit = True
            await admin
            if self._stripe is not None:
                await self._stripe.close()
            await self._engine.dispose()

    async def _connect(self) -> None:
        connecting = asyncio.create_task(connect_for_ever(self._settings, codec=self._codec))
        stopping = asyncio.create_task(self._stopping.wait())
        done, _ = await asyncio.wait({connecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if connecting in done:
            self._client = connecting.result()
            log.info("connected to temporal", address=self._settings.temporal_address)
        for task in (connecting, stopping):
            task.cancel()
        await asyncio.gather(connecting, stopping, return_exceptions=True)

    async def _work(self, role: Role) -> None:
        """Poll a queue; a worker that gives up (its namespace was gone) is built again."""
        while not self._stopping.is_set():
            client = self._client
            if client is None:
                await self._rest(0.1)
                continue
            try:
                async with build_worker(client, role, self._settings):
                    self._polling.add(role.queue)
                    await self._stopping.wait()
            except (RuntimeError, OSError) as error:
                log.error("worker failed; starting it again", queue=role.queue, error=str(error))
                await self._rest(1.0)
            finally:
                self._polling.discard(role.queue)

    async def _every(self, pause_s: float, job: Callable[[], Awaitable[bool]]) -> None:
        """Run a job again and again. `True` asks for it at once: there is more to do."""
        while not self._stopping.is_set():
            rest_s = pause_s
            try:
                if await job():
                    continue
            except (SQLAlchemyError, psycopg.Error, OSError) as error:
                log.warning("periodic job failed", error=type(error).__name__)
                rest_s = min(pause_s, FAILED_PAUSE_S)
            except Exception as error:
                # A row that a job cannot bear must not end the process, and all others with it.
                # The text of an error may name a driver: its kind and place are enough.
                place = traceback.extract_tb(error.__traceback__)[-1]
                log.error(
                    "periodic job crashed",
                    job=getattr(job, "__qualname__", ""),
                    error=type(error).__name__,
                    place=f"{place.name}:{place.lineno}",
                )
            await self._rest(rest_s)

    async def _wake(self) -> bool:
        async with self._sessions.begin() as db:
            return await wakes.fire_due(db) == wakes.BATCH

    async def _keep_up(self) -> bool:
        async with self._sessions.begin() as db:
            days = self._settings.certificate_renewal_days
            await ask_for_renewals(db, datetime.now(UTC), days)
            await begin_missing(db, datetime.now(UTC))
        return await upkeep.keep_up(self._engine, self._settings)

    async def _rest(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _check_database(self) -> str | None:
        try:
            async with self._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, psycopg.Error, OSError) as error:
            return f"the database does not answer: {type(error).__name__}"
        return None

    async def _check_temporal(self) -> str | None:
        missing = {role.queue for role in self._roles} - self._polling
        return f"not polling: {', '.join(sorted(missing))}" if missing else None

    async def _check_relay(self) -> str | None:
        return None if self._relay.owns else "owns no lane of the outbox"
