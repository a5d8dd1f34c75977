"""One module per noun; every row carries its organization. Import tables from here."""

from holdfast.store.tables.contract_certificates import (
    ContractCertificate,
    OcspAnswer,
    TrustedRoot,
)
from holdfast.store.tables.evidence import MeterKey, SignedReading
from holdfast.store.tables.inbox import FactKey, Frame, LateFact, MeterValue, Quarantined
from holdfast.store.tables.local_lists import LocalList, LocalListEntry, LocalListRule
from holdfast.store.tables.orders import Order
from holdfast.store.tables.organizations import ApiKey, AuditEntry, IdempotentWrite, Organization
from holdfast.store.tables.outbox import OutboxRow
from holdfast.store.tables.payments import Payment, PaymentOperation, ProviderEvent
from holdfast.store.tables.quirks import QuirkRule
from holdfast.store.tables.security import (
    Authority,
    CertificateRequest,
    NetworkChange,
    PasswordRotation,
    StationCertificateRow,
)
from holdfast.store.tables.sessions import (
    TRANSACTION_NUMBERS,
    ReviewTask,
    Session,
    SessionEvent,
    SessionState,
    Settlement,
)
from holdfast.store.tables.spot_prices import SpotFeed, SpotPriceRow
from holdfast.store.tables.station_events import StationEvent
from holdfast.store.tables.stations import (
    Connector,
    Evse,
    Gateway,
    Site,
    Station,
    StationConnection,
)
from holdfast.store.tables.table import Table
from holdfast.store.tables.tariff_drafts import TariffDraft, TariffSimulation
from holdfast.store.tables.tariff_publications import (
    Publication,
    RunningCost,
    ShownPrice,
    StationPriceLook,
)
from holdfast.store.tables.tariffs import (
    Tariff,
    TariffAssignment,
    TariffVersion,
    TariffVersionEnd,
)
from holdfast.store.tables.tokens import Account, Token, UserGroup
from holdfast.store.tables.variables import (
    ModelRefusal,
    StationInventory,
    StationMonitor,
    StationReport,
    StationSetting,
    StationVariable,
    VariableChange,
)

__all__ = [
    "TRANSACTION_NUMBERS",
    "Account",
    "ApiKey",
    "AuditEntry",
    "Authority",
    "CertificateRequest",
    "Connector",
    "ContractCertificate",
    "Evse",
    "FactKey",
    "Frame",
    "Gateway",
    "IdempotentWrite",
    "LateFact",
    "LocalList",
    "LocalListEntry",
    "LocalListRule",
    "MeterKey",
    "MeterValue",
    "ModelRefusal",
    "NetworkChange",
    "OcspAnswer",
    "Order",
    "Organization",
    "OutboxRow",
    "PasswordRotation",
    "Payment",
    "PaymentOperation",
    "ProviderEvent",
    "Publication",
    "Quarantined",
    "QuirkRule",
    "ReviewTask",
    "RunningCost",
    "Session",
    "SessionEvent",
    "SessionState",
    "Settlement",
    "ShownPrice",
    "SignedReading",
    "Site",
    "SpotFeed",
    "SpotPriceRow",
    "Station",
    "StationCertificateRow",
    "StationConnection",
    "StationEvent",
    "StationInventory",
    "StationMonitor",
    "StationPriceLook",
    "StationReport",
    "StationSetting",
    "StationVariable",
    "Table",
    "Tariff",
    "TariffAssignment",
    "TariffDraft",
    "TariffSimulation",
    "TariffVersion",
    "TariffVersionEnd",
    "Token",
    "TrustedRoot",
    "UserGroup",
    "VariableChange",
]
