"""Roots that an organization trusts for contract certificates (ISO 15118)."""

from datetime import datetime, timedelta
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import audit
from holdfast.services.refusal import Conflict, Invalid, TooMany
from holdfast.services.scope import belongs, find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.station_commands import Command, command_station
from holdfast.services.stations import usable_station
from holdfast.store.tables import Order, TrustedRoot
from holdfast.store.tables.contract_certificates import ROOT_USES

PEM_LENGTH_MAX = 10_000
ROOTS_MAX = 500
INSTALLED_WITHIN = timedelta(days=7)
USES_16 = frozenset({"manufacturer"})  # security whitepaper edition 3 section 5.5


async def trust_root(
    db: AsyncSession, organization_id: UUID, *, use: str, pem: str, actor: str, now: datetime
) -> TrustedRoot:
    """Trust a certificate as an end of chains. Raises Invalid, Conflict (trusted already), TooMany.

    It must be one authority, valid now; a sub-authority may be trusted in place of its root.
    """
    certificate = _read(pem, now)
    fingerprint = certificate.fingerprint(hashes.SHA256())
    in_use = owned(TrustedRoot, organization_id).where(TrustedRoot.retired_at.is_(None))
    same = in_use.where(TrustedRoot.use == use, TrustedRoot.fingerprint == fingerprint)
    if use not in ROOT_USES:
        raise Invalid("use", use, f"use one of {', '.join(ROOT_USES)}")
    if await db.scalar(same) is not None:
        raise Conflict("this certificate is trusted already")
    count = await db.scalar(
        select(func.count())
        .select_from(TrustedRoot)
        .where(belongs(TrustedRoot, organization_id), TrustedRoot.retired_at.is_(None))
    )
    if (count or 0) >= ROOTS_MAX:
        raise TooMany(f"{ROOTS_MAX} roots are trusted already: retire some")
    root = TrustedRoot(
        organization_id=organization_id,
        use=use,
        subject=certificate.subject.rfc4514_string()[:500],
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        fingerprint=fingerprint,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
    db.add(root)
    await db.flush()
    await db.refresh(root)
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="trusted_root.add",
        subject=f"trusted_root:{root.id}",
        details={"use": use, "subject": root.subject, "fingerprint": fingerprint.hex()},
    )
    return root


async def list_roots(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked, *, retired: bool = False
) -> Slice[TrustedRoot]:
    """Oldest first."""
    statement = owned(TrustedRoot, organization_id)
    if not retired:
        statement = statement.where(TrustedRoot.retired_at.is_(None))
    return await take(db, statement, TrustedRoot.id, asked)


async def retire_root(
    db: AsyncSession, organization_id: UUID, root_id: UUID, *, actor: str, now: datetime
) -> TrustedRoot:
    """From now on no chain ends in it. Raises NotFound, Conflict."""
    root = await find(db, TrustedRoot, organization_id, root_id, "trusted root", lock=True)
    if root.retired_at is not None:
        raise Conflict("the root is retired already")
    root.retired_at = now
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="trusted_root.retire",
        subject=f"trusted_root:{root_id}",
        details={"subject": root.subject},
    )
    await db.flush()
    return root


async def install_root(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    root_id: UUID,
    *,
    actor: str,
    now: datetime,
) -> Order:
    """Order a station to trust the root too. Raises NotFound, Conflict (retired; a use that its
    version of OCPP does not know)."""
    root = await find(db, TrustedRoot, organization_id, root_id, "trusted root")
    station = await usable_station(db, organization_id, identity)
    if root.retired_at is not None:
        raise Conflict("the root is retired: nobody is to trust it any more")
    if station.protocol == "ocpp1.6" and root.use not in USES_16:
        raise Conflict(f"OCPP 1.6 knows no roots for {root.use.upper()}")
    command = Command(
        kind="install_certificate",
        payload={"use": root.use, "certificate": root.pem},
        details={"use": root.use, "trusted_root": str(root.id), "subject": root.subject},
    )
    commanded = await command_station(
        db, organization_id, identity, command, actor=actor, not_after=now + INSTALLED_WITHIN
    )
    return commanded.order


def _read(pem: str, now: datetime) -> x509.Certificate:
    expected = "send one certificate of an authority in PEM"
    if len(pem) > PEM_LENGTH_MAX or "PRIVATE KEY" in pem:
        raise Invalid("certificate", "", expected)
    try:
        found = x509.load_pem_x509_certificates(pem.encode("ascii"))
        (certificate,) = found
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, x509.ExtensionNotFound):
        raise Invalid("certificate", "", expected) from None
    if not constraints.ca:
        raise Invalid("certificate", "", "it is no authority: basicConstraints says CA:FALSE")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Invalid("certificate", "", "it is not valid at this time")
    return certificate
