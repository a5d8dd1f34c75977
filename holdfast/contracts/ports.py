"""What adapters must be able to do: the outside world as our rooms see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

IntentStatus = str
"""Stripe's own: requires_payment_method, requires_confirmation, requires_action, processing,
requires_capture, succeeded, canceled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A payment at the provider as it is now. Amounts in the provider's integer units."""

    id: str
    status: IntentStatus
    currency: str
    amount: int
    capturable: int = 0
    received: int = 0
    decline_code: str | None = None
    capture_before: datetime | None = None
    next_action_url: str | None = None
    cancellation_reason: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What is kept of it with an operation: no secret, no card."""
        return {
            "id": self.id,
            "status": self.status,
            "amount": self.amount,
            "capturable": self.capturable,
            "received": self.received,
            "decline_code": self.decline_code,
        }


class ProviderRefused(Exception):
    """A definite no: it was not done and will not be. `intent` is what the provider has instead."""

    def __init__(
        self, code: str, *, decline_code: str | None = None, intent: Intent | None = None
    ) -> None:
        super().__init__(code if decline_code is None else f"{code}: {decline_code}")
        self.code = code
        self.decline_code = decline_code
        self.intent = intent


class ProviderUnsure(Exception):
    """No answer, or one that does not say whether it was done. Neither success nor failure (M5).

    `replayed`: the provider stored a failure of its own under our key and repeats it.
    """

    def __init__(
        self, what: str, *, replayed: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(what)
        self.replayed = replayed
        self.retry_after_s = retry_after_s


class ProviderUnusable(Exception):
    """A person must act: the key was revoked, nothing is configured, or a key was reused."""


class PaymentProvider(Protocol):
    """Payment intents. Parameters and key are sent verbatim, as they were stored.

    Each raises `ProviderRefused`, `ProviderUnsure` or `ProviderUnusable`.
    """

    async def create_intent(self, parameters: Mapping[str, Any], key: str) -> Intent:
        """Create, and confirm where the parameters say so."""
        ...

    async def capture_intent(self, intent: str, parameters: Mapping[str, Any], key: str) -> Intent:
        """Take an amount out of a hold and release the rest."""
        ...

    async def cancel_intent(self, intent: str, parameters: Mapping[str, Any], key: str) -> Intent:
        """Give a hold back, or give up on an unconfirmed one."""
        ...

    async def read_intent(self, intent: str) -> Intent:
        """As it is now."""
        ...

    async def find_intent(
        self, payment_id: str, created_after: datetime, customer: str | None
    ) -> Intent | None:
        """The intent that carries this payment id in its metadata, by listing, not by search."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractAsked:
    """A car asks for a contract certificate (ISO 15118). The EXI message is base64 and passed on as
    it is: only the provider reads it."""

    station: str  # OCPP identity
    schema_version: str
    action: str  # "install", "update"
    exi_request: str
    contracts_max: int | None = None
    emaids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractGiven:
    """The provider's answer to the car, base64 EXI; how many more contracts there are."""

    exi_response: str
    remaining: int | None = None


class ContractNotGiven(Exception):
    """No. `code` is OCPP's reason code (at most 20 characters), the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class CertificateProvider(Protocol):
    """Who answers cars that ask for their contract certificate."""

    async def contract(self, asked: ContractAsked) -> ContractGiven:
        """Raises `ContractNotGiven`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRegister:
    """A reading inside a signed record. `resolution_mwh` is the worth of its last digit."""

    at: datetime
    register_mwh: int
    resolution_mwh: int
    begins: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureCheck:
    """`verified` is null where nothing could be decided; `problem` says why. `key` verified it."""

    verified: bool | None
    problem: str | None = None
    key: str | None = None
    registers: tuple[SignedRegister, ...] = ()


class SignatureChecker(Protocol):
    """Verifies signed meter records. Pure computation, milliseconds each."""

    def check(self, record: str, keys: Sequence[str]) -> SignatureCheck:
        """Read an OCMF record and verify it with any of these keys (DER in hex)."""
        ...

    def key_problem(self, key: str) -> str | None:
        """Why this is no usable public key; None for one that is, or that nothing here can read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedContract:
    """A contract certificate that was just made. `key_pem` is shown once and kept nowhere."""

    serial: str
    chain_pem: str
    not_before: datetime
    not_after: datetime
    key_pem: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOrder:
    """A station's CSR, judged before, and what its certificate shall say."""

    organization_id: UUID
    purpose: str  # of the authority: "station", "v2g"
    server: bool  # it will be a TLS server's (ISO 15118), not a client's
    csr: str  # PEM
    common_name: str
    valid_days: int
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCertificate:
    """What an authority signed. `chain_pem`: the leaf, then its issuer."""

    authority_id: UUID
    subject: str
    serial: str
    fingerprint: bytes
    chain_pem: str
    not_before: datetime
    not_after: datetime


class CertificateSigner(Protocol):
    """The organization's certificate authority."""

    async def sign(self, db: Any, order: SigningOrder) -> SignedCertificate:
        """Sign in the caller's transaction `db` (an AsyncSession), in which a first authority is
        made. Raises ValueError where it cannot ever work."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotInterval:
    """The market's price from `starts_at` (aware, UTC) up to and without `ends_at`: exact, in major
    units per kWh; below zero where the market pays for use."""

    starts_at: datetime
    ends_at: datetime
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotReading:
    """What a source says now. `intervals` ascend and do not overlap; `problems` name what was left
    out, at most a few, and `left_out` counts all of it. `currency` None: the source names none."""

    currency: str | None
    intervals: tuple[SpotInterval, ...]
    problems: tuple[str, ...] = ()
    left_out: int = 0


class SpotPricesUnreadable(Exception):
    """The source has nothing that can be read for this feed; the text says why, for people."""


class SpotPriceSource(Protocol):
    """Where a market's prices come from."""

    async def read(self, key: str) -> SpotReading:
        """All that it has for the feed of this key. Raises `SpotPricesUnreadable`."""
        ...
