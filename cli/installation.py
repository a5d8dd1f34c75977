"""What one machine runs: every process with its command, its settings and how it shows readiness.

This is the list that `up` works through; nothing here starts anything.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cli.child import Child, ChildSpec, Ready, Spawned, answers_http, answers_tcp
from cli.embedded.postgres import EmbeddedPostgres
from cli.embedded.server_certificate import server_certificate
from cli.embedded.temporal import NAMESPACE, EmbeddedTemporal, TemporalPorts
from cli.ports import LOOPBACK, Ports
from cli.state import Secrets, StateDir

STOP_ORDER = (
    "fleet",
    "gateway",
    "api",
    "workers",
    "stripe-simulator",
    "temporal",
    "postgres",
)
SOURCE_ROOT = Path(__file__).resolve().parent.parent
TOLD = frozenset(
    {
        "HOLDFAST_SECRET_KEY",
        "HOLDFAST_TEMPORAL_NAMESPACE",
        "HOLDFAST_GATEWAY_HOST",
        "HOLDFAST_API_HOST",
        "HOLDFAST_ADMIN_HOST",
        "HOLDFAST_GATEWAY_ID",
        "HOLDFAST_ONBOARDING",
        "HOLDFAST_ONBOARDING_ORGANIZATION",
    }
)
"""Settings that are taken from the environment of `up` where they are set there."""
TLS_FILES = (
    "HOLDFAST_GATEWAY_TLS_CERTIFICATE",
    "HOLDFAST_GATEWAY_TLS_KEY",
    "HOLDFAST_GATEWAY_TLS_ROOT",
    "HOLDFAST_GATEWAY_TLS_CLIENT_CA",
)
"""Files that may be given; the first three are made here where the first is not."""
DEMO_SEED = 1
DEMO_ACCELERATION = 20
"""A four-hour stay takes twelve minutes: long enough to watch, short enough to see it settle."""
DEMO_DEMAND = 60
"""Times the arrivals of the data, whose weekends are so quiet that a visitor would see nothing."""
DEMO_PRIME = 6
"""Cars in the first seconds: a visitor sees charging at once, and money within two minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the user asked for."""

    state: StateDir
    ports: Ports
    demo: bool = True
    fleet: bool = True
    database_url: str | None = None
    temporal_address: str | None = None
    temporal_ui_url: str | None = None
    source_root: Path = SOURCE_ROOT
    """Where `python -m` finds our packages, installed or not."""

    def listening(self) -> dict[str, int]:
        """The ports that this plan will use, by the server's name."""
        unused: set[str] = set()
        if self.database_url:
            unused.add("postgres")
        if self.temporal_address:
            unused |= {"temporal", "temporal_ui", "temporal_http", "temporal_metrics"}
        if not self.fleet:
            unused.add("fleet_control")
        return {name: port for name, port in self.ports.by_name().items() if name not in unused}

    @property
    def web_url(self) -> str:
        """Where the pages and the API are."""
        return f"http://{LOOPBACK}:{self.ports.web}"

    @property
    def stripe_url(self) -> str:
        """Where the Stripe simulator is."""
        return f"http://{LOOPBACK}:{self.ports.stripe}"

    def urls(self) -> dict[str, str]:
        """The addresses that people and tools want to know."""
        ocpp = f"ws://{LOOPBACK}:{self.ports.ocpp}/ocpp/"
        urls = {
            "dashboard": f"{self.web_url}/",
            "api": f"{self.web_url}/api/v1",
            "api_docs": f"{self.web_url}/api/docs",
            "openapi": f"{self.web_url}/api/openapi.json",
            "ocpp": ocpp,
            "ocpp_tls": f"wss://{LOOPBACK}:{self.ports.ocpp_tls}/ocpp/",
            "temporal": self.temporal_address or f"{LOOPBACK}:{self.ports.temporal}",
            "temporal_ui": self.temporal_ui(),
            "stripe_simulator": self.stripe_url,
            "gateway_admin": f"http://{LOOPBACK}:{self.ports.gateway_admin}",
            "api_admin": f"http://{LOOPBACK}:{self.ports.api_admin}",
            "workers_admin": f"http://{LOOPBACK}:{self.ports.workers_admin}",
        }
        if self.fleet:
            urls["fleet_control"] = f"http://{LOOPBACK}:{self.ports.fleet_control}"
        return {name: url for name, url in urls.items() if url}

    def temporal_ui(self) -> str:
        """The UI of whichever Temporal is used; empty if that is not known."""
        if self.temporal_address:
            return self.temporal_ui_url or ""
        return f"http://{LOOPBACK}:{self.ports.temporal_ui}"


def shared_environment(plan: Plan, secrets: Secrets, database_url: str) -> dict[str, str]:
    """HOLDFAST_* settings that all our processes share. Makes the gateway's TLS certificate where
    none was given."""
    ours = {
        "HOLDFAST_DATABASE_URL": database_url,
        "HOLDFAST_TEMPORAL_ADDRESS": plan.urls()["temporal"],
        "HOLDFAST_TEMPORAL_NAMESPACE": NAMESPACE,
        "HOLDFAST_TEMPORAL_UI_URL": plan.temporal_ui(),
        "HOLDFAST_SECRET_KEY": secrets.secret_key,
        "HOLDFAST_STRIPE_API_BASE": plan.stripe_url,
        "HOLDFAST_STRIPE_API_KEY": secrets.stripe_api_key,
        "HOLDFAST_STRIPE_WEBHOOK_SECRET": secrets.stripe_webhook_secret,
        "HOLDFAST_GATEWAY_HOST": LOOPBACK,
        "HOLDFAST_GATEWAY_PORT": str(plan.ports.ocpp),
        "HOLDFAST_GATEWAY_ID": "gateway-1",
        "HOLDFAST_API_HOST": LOOPBACK,
        "HOLDFAST_API_PORT": str(plan.ports.web),
        "HOLDFAST_ADMIN_HOST": LOOPBACK,
        "HOLDFAST_ONBOARDING": "accept",
        "HOLDFAST_ONBOARDING_ORGANIZATION": "demo",
    }
    told = {name: os.environ[name] for name in ours if name in TOLD and os.environ.get(name)}
    return ours | told | _tls(plan, (ours | told)["HOLDFAST_SECRET_KEY"])


def _tls(plan: Plan, secret_key: str) -> dict[str, str]:
    port = {"HOLDFAST_GATEWAY_TLS_PORT": str(plan.ports.ocpp_tls)}
    given = {name: os.environ[name] for name in TLS_FILES if os.environ.get(name)}
    if "HOLDFAST_GATEWAY_TLS_CERTIFICATE" in given:
        return port | given
    made = server_certificate(plan.state.path / "tls", secret_key, datetime.now(UTC))
    files = (made.certificate, made.key, made.root)
    return port | given | dict(zip(TLS_FILES, map(str, map(Path.absolute, files)), strict=False))


def embedded_postgres(plan: Plan, on_spawn: Spawned) -> EmbeddedPostgres:
    """The database below the state folder."""
    return EmbeddedPostgres(
        plan.state.path / "postgres",
        plan.ports.postgres,
        log_path=plan.state.logs / "postgres.log",
        on_spawn=on_spawn,
    )


def embedded_temporal(plan: Plan, on_spawn: Spawned, marks: Mapping[str, str]) -> EmbeddedTemporal:
    """The Temporal server below the state folder."""
    ports = plan.ports
    return EmbeddedTemporal(
        plan.state.path / "temporal",
        TemporalPorts(
            grpc=ports.temporal,
            ui=ports.temporal_ui,
            http=ports.temporal_http,
            metrics=ports.temporal_metrics,
        ),
        log_path=plan.state.logs / "temporal.log",
        on_spawn=on_spawn,
        marks=marks,
    )


class Programs:
    """Our own processes as children, all with the same shared settings."""

    def __init__(self, plan: Plan, environment: Mapping[str, str], on_spawn: Spawned) -> None:
        self._plan = plan
        self._environment = environment
        self._on_spawn = on_spawn

    def gateway(self) -> Child:
        return self._served("gateway", "gateway", self._plan.ports.gateway_admin)

    def api(self) -> Child:
        return self._served("api", "api", self._plan.ports.api_admin)

    def workers(self) -> Child:
        return self._served("workers", "workers", self._plan.ports.workers_admin)

    def stripe_simulator(self) -> Child:
        port = self._plan.ports.stripe
        return self._python(
            "stripe-simulator",
            "simulator.stripe",
            *("--host", LOOPBACK, "--port", str(port)),
            *("--state", str(self._plan.state.path / "stripe.sqlite")),
            *("--webhook-url", f"{self._plan.web_url}/webhooks/stripe"),
            *("--webhook-secret", self._environment["HOLDFAST_STRIPE_WEBHOOK_SECRET"]),
            ready=lambda: answers_tcp(port),
        )

    def fleet(self) -> Child:
        port = self._plan.ports.fleet_control
        return self._python(
            "fleet",
            "simulator.stations",
            *("--url", f"{self._plan.urls()['ocpp']}{{identity}}"),
            *("--fleet", str(self._plan.state.path / "fleet.json")),
            *("--state-dir", str(self._plan.state.path / "fleet")),
            *("--seed", str(DEMO_SEED), "--acceleration", str(DEMO_ACCELERATION)),
            *("--demand", str(DEMO_DEMAND), "--prime", str(DEMO_PRIME)),
            *("--control-port", str(port)),
            ready=lambda: answers_tcp(port),
        )

    def migration(self) -> Child:
        """Ends by itself."""
        return self._python("migrate", "cli.migrate", ready=not_awaited)

    def demo(self) -> Child:
        """Ends by itself; has written the API key and the fleet when it ended well."""
        return self._python(
            "demo",
            "cli.demo",
            *("--key-file", str(self._plan.state.api_key_path)),
            *("--fleet-file", str(self._plan.state.path / "fleet.json")),
            "--network" if self._plan.demo else "--no-network",
            ready=not_awaited,
        )

    def _served(self, name: str, module: str, admin_port: int) -> Child:
        return self._python(
            name,
            module,
            ready=lambda: answers_http(f"http://{LOOPBACK}:{admin_port}/readyz"),
            settings={"HOLDFAST_ADMIN_PORT": str(admin_port)},
        )

    def _python(
        self,
        name: str,
        module: str,
        *arguments: str,
        ready: Ready,
        settings: Mapping[str, str] | None = None,
    ) -> Child:
        return Child(
            ChildSpec(
                name=name,
                command=[sys.executable, "-m", module, *arguments],
                environment={
                    **os.environ,
                    "PYTHONUNBUFFERED": "1",
                    **self._environment,
                    **(settings or {}),
                },
                log_path=self._plan.state.logs / f"{name}.log",
                ready=ready,
                cwd=self._plan.source_root,
            ),
            self._on_spawn,
        )


async def not_awaited() -> bool:
    """For programs that are done when they end."""
    return True
