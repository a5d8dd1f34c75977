"""ISO 15118 contracts: whose roots are trusted, what was issued, what responders said of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

ROOT_USES = ("mo", "v2g", "manufacturer")
OCSP_STATUSES = ("good", "revoked", "unknown")


class TrustedRoot(Table):
    """A root that contract certificates may end in. Retired ones are kept: what was decided by
    them stays explained."""

    __tablename__ = "trusted_roots"
    __table_args__ = (
        CheckConstraint(f'"use" IN {ROOT_USES}', name="use_known"),
        Index(
            "uq_trusted_roots_organization_id_use_fingerprint",
            "organization_id",
            "use",
            "fingerprint",
            unique=True,
            postgresql_where=text("retired_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    use: Mapped[str]
    subject: Mapped[str]
    pem: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)  # SHA-256 of the DER
    not_before: Mapped[datetime]
    not_after: Mapped[datetime]
    created_at: Mapped[datetime] = created_column()
    retired_at: Mapped[datetime | None]


class ContractCertificate(Table):
    """A contract certificate that our own authority (`authorities`, purpose "contract") issued."""

    __tablename__ = "contract_certificates"
    __table_args__ = (
        UniqueConstraint("organization_id", "serial"),
        Index("ix_contract_certificates_organization_id_emaid", "organization_id", "emaid"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    emaid: Mapped[str]  # without separators, upper case
    serial: Mapped[str]  # hex
    chain_pem: Mapped[str]
    not_before: Mapped[datetime]
    not_after: Mapped[datetime]
    created_at: Mapped[datetime] = created_column()
    revoked_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]  # the contract ended; its certificate was good


class OcspAnswer(Table):
    """What a responder said of a certificate, kept until it says that it is old."""

    __tablename__ = "ocsp_answers"
    __table_args__ = (
        CheckConstraint(f"status IN {OCSP_STATUSES}", name="status_known"),
        UniqueConstraint("organization_id", "certificate"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    certificate: Mapped[str]  # algorithm:issuer name hash:issuer key hash:serial
    responder_url: Mapped[str | None]
    status: Mapped[str]
    response: Mapped[bytes] = mapped_column(LargeBinary)  # DER
    this_update: Mapped[datetime]
    next_update: Mapped[datetime | None]
    fetched_at: Mapped[datetime] = created_column()
