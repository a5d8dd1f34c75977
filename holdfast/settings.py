"""What a process is told from outside: one frozen value per process, read once from HOLDFAST_*.

`docs/reference/settings.md` lists every variable; a test compares the two.
"""

import os
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

PREFIX = "HOLDFAST_"

Onboarding = Literal["reject", "pending", "accept"]


class BadSettings(ValueError):
    """An environment variable is missing or cannot be read; the text names it."""


class Settings(BaseModel):
    """Every setting with its default. The variable is HOLDFAST_ and the field in capitals."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/database")
    temporal_address: str = Field("127.0.0.1:7233", description="host:port of Temporal's frontend")
    temporal_namespace: str = Field("holdfast", description="Temporal namespace")
    temporal_ui_url: str = Field(
        "http://127.0.0.1:8233", description="where people open the Temporal UI; used for links"
    )
    secret_key: SecretStr = Field(
        min_length=32,
        description="keys the hashes of API keys and station passwords, and signs cookies",
    )
    gateway_id: str = Field("gw1", pattern=r"^[a-z0-9-]{1,32}$", description="name of this gateway")
    gateway_host: str = Field("127.0.0.1", description="address the OCPP port binds to")
    gateway_port: int = Field(9000, ge=1, le=65535, description="OCPP over plain websocket")
    gateway_tls_port: int = Field(
        9443, ge=1, le=65535, description="OCPP over TLS; opened where a certificate is set"
    )
    gateway_tls_certificate: str | None = Field(
        None, description="PEM file of the server's chain; two with a comma: one RSA, one EC"
    )
    gateway_tls_key: str | None = Field(
        None, description="PEM file of its key; as many as certificates, in the same order"
    )
    gateway_tls_client_ca: str | None = Field(
        None, description="PEM file of further authorities whose station certificates are trusted"
    )
    gateway_tls_root: str | None = Field(
        None, description="PEM file of the root above the server's certificate, for download"
    )
    certificate_approval: Literal["automatic", "first", "always"] = Field(
        "automatic",
        description="which certificate requests wait for a person: automatic (none), first (of a "
        "station), always",
    )
    certificate_days: int = Field(
        365, ge=1, le=3650, description="days that a station's certificate is valid"
    )
    certificate_renewal_days: int = Field(
        30,
        ge=1,
        le=365,
        description="days before its end that a certificate's renewal is asked for",
    )
    certificate_pause_s: float = Field(
        5.0,
        ge=0,
        le=60,
        description="seconds between the answer to a certificate request and the certificate; the "
        "conformance tests of OCPP want some",
    )
    password_rotation_days: int = Field(
        7, ge=1, le=90, description="days that a station has to come with its new password"
    )
    gateway_ping_interval_s: float = Field(
        30.0, ge=0, description="seconds between websocket pings to a station; 0 sends none"
    )
    gateway_admissions_per_second: float = Field(
        250.0, gt=0, description="stations let in per second; more at once wait or come later"
    )
    gateway_lease_s: float = Field(
        10.0, gt=0, description="a gateway not seen for this long has lost its stations"
    )
    api_host: str = Field("127.0.0.1", description="address the API and pages bind to")
    api_port: int = Field(8000, ge=1, le=65535, description="API and pages")
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
        description="where others reach the API and pages; named in certificates (OCSP, CRL) "
        "and in QR codes of price pages",
    )
    admin_host: str = Field("127.0.0.1", description="address of health and metrics")
    admin_port: int = Field(9610, ge=0, le=65535, description="port of health and metrics")
    onboarding: Onboarding = Field(
        "pending", description="what an unknown station identity gets: reject, pending or accept"
    )
    onboarding_organization: str | None = Field(
        None, description="slug of the organization that unknown stations are put in"
    )
    stripe_api_key: SecretStr | None = Field(None, description="Stripe secret key")
    stripe_api_base: str | None = Field(
        None, description="another address than Stripe's own, for the simulator"
    )
    stripe_webhook_secret: SecretStr | None = Field(None, description="whsec_… of our endpoint")
    contract_provider_url: str | None = Field(
        None,
        description="where cars' requests for contract certificates (ISO 15118) are sent on to",
    )
    contract_provider_key: SecretStr | None = Field(
        None, description="bearer key for the contract provider"
    )
    outbound_hosts: str | None = Field(
        None,
        description="hosts or host:port, comma separated, asked (OCSP) though they are private",
    )
    session_start_timeout_s: int = Field(
        300, ge=1, description="a remote start without a transaction is given up after this"
    )
    session_silence_s: int = Field(
        1800, ge=1, description="an active session not heard of for this long needs attention"
    )
    session_zombie_s: int = Field(
        86_400, ge=1, description="a silent session is ended at its last register after this"
    )
    session_final_wait_s: int = Field(
        120, ge=0, description="how long settlement waits for what a station still owes"
    )
    session_stop_retry_s: int = Field(
        60, ge=1, description="a stop that had no effect is ordered again after this"
    )
    session_energy_limit_wh: int = Field(
        500_000, ge=1, description="a session above this energy is stopped"
    )
    session_duration_limit_s: int = Field(
        7 * 86_400, ge=1, description="a session older than this is stopped"
    )
    hold_minor: int = Field(
        6000, ge=50, description="minor units held on a card before an ad hoc session"
    )
    spot_prices_dir: str | None = Field(
        None, description="folder of the market price files that the workers read, one per feed"
    )
    retention_frames_days: int = Field(
        90, ge=1, description="days that the message log of the stations is kept"
    )
    retention_meter_values_days: int = Field(
        730, ge=30, description="days that meter values are kept; sessions and their energy stay"
    )
    retention_variable_changes_days: int = Field(
        365,
        ge=1,
        le=3_650,
        description="days that what variables of stations were is kept",
    )
    retention_station_events_days: int = Field(
        400, ge=1, description="days that events which stations reported are kept"
    )
    retention_shown_prices_days: int = Field(
        1_095,
        ge=30,
        le=7_300,
        description="days that a price which is shown no more stays in the ledger",
    )
    max_cached_workflows: int = Field(
        6000, ge=10, description="must exceed the open workflows of a worker (about 90 KiB each)"
    )
    worker_build_id: str | None = Field(
        None, description="switches worker versioning on, pinned per workflow"
    )
    log_format: Literal["json", "plain"] = Field("plain", description="form of log lines")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read HOLDFAST_* variables; raises BadSettings with one sentence per problem."""
        source = os.environ if environment is None else environment
        values = {
            key.removeprefix(PREFIX).lower(): value
            for key, value in source.items()
            if key.startswith(PREFIX) and value != ""
        }
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = "; ".join(
                f"{PREFIX}{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
                for item in error.errors(include_input=False)
            )
            raise BadSettings(problems) from None
