"""Contract certificates of the organization's own authority: issued, looked up, ended."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.ports import SignedContract
from holdfast.services import audit
from holdfast.services.refusal import Conflict, Invalid
from holdfast.services.scope import find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.store.tables import ContractCertificate, OcspAnswer

DAYS_MAX = 730  # ISO 15118-2 annex F: a contract certificate lives two years at most
DAYS_USUAL = 365
EMAID_LENGTHS = (14, 15)


class ContractSigner(Protocol):
    """The authority, handed in by the edge (adapters.contract_signing)."""

    async def sign(
        self, db: AsyncSession, organization_id: UUID, emaid: str, days: int, now: datetime
    ) -> SignedContract:
        """A new key and a certificate over it."""
        ...


def normal_emaid(written: str) -> str:
    """Without separators, upper case. Raises Invalid."""
    bare = written.replace("-", "").replace(" ", "").upper()
    if len(bare) not in EMAID_LENGTHS or not (bare.isascii() and bare.isalnum()):
        raise Invalid(
            "emaid", "", "an eMAID is country, provider and 9 characters: DE-8AA-1A2B3C4D5"
        )
    return bare


async def issue_contract(
    db: AsyncSession,
    organization_id: UUID,
    *,
    emaid: str,
    days: int,
    signer: ContractSigner,
    actor: str,
    now: datetime,
) -> tuple[ContractCertificate, SignedContract]:
    """A certificate for a contract. The eMAID must be a token too before it charges.

    Raises Invalid.
    """
    bare = normal_emaid(emaid)
    if not 1 <= days <= DAYS_MAX:
        raise Invalid("days", days, f"use 1 to {DAYS_MAX}")
    signed = await signer.sign(db, organization_id, bare, days, now)
    row = ContractCertificate(
        organization_id=organization_id,
        emaid=bare,
        serial=signed.serial,
        chain_pem=signed.chain_pem,
        not_before=signed.not_before,
        not_after=signed.not_after,
    )
    db.add(row)
    await db.flush()
    await db.refresh(row)
    await _audited(db, row, "issue", actor)
    return row, signed


async def list_contracts(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked, *, emaid: str | None = None
) -> Slice[ContractCertificate]:
    """Oldest first. Raises Invalid."""
    statement = owned(ContractCertificate, organization_id)
    if emaid is not None:
        statement = statement.where(ContractCertificate.emaid == normal_emaid(emaid))
    return await take(db, statement, ContractCertificate.id, asked)


async def revoke_contract(
    db: AsyncSession, organization_id: UUID, contract_id: UUID, *, actor: str, now: datetime
) -> ContractCertificate:
    """Its certificate is good no longer, for example because the key is known to others."""

    def revoke(row: ContractCertificate) -> None:
        row.revoked_at = now

    return await _end(db, organization_id, contract_id, ("revoke", revoke), actor)


async def cancel_contract(
    db: AsyncSession, organization_id: UUID, contract_id: UUID, *, actor: str, now: datetime
) -> ContractCertificate:
    """The contract ended; stations are told ContractCancelled."""

    def cancel(row: ContractCertificate) -> None:
        row.cancelled_at = now

    return await _end(db, organization_id, contract_id, ("cancel", cancel), actor)


async def list_ocsp_answers(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked
) -> Slice[OcspAnswer]:
    """What responders said lately, oldest first."""
    return await take(db, owned(OcspAnswer, organization_id), OcspAnswer.id, asked)


async def _end(
    db: AsyncSession,
    organization_id: UUID,
    contract_id: UUID,
    ending: tuple[str, Callable[[ContractCertificate], None]],
    actor: str,
) -> ContractCertificate:
    row = await find(db, ContractCertificate, organization_id, contract_id, "contract", lock=True)
    if row.revoked_at is not None or row.cancelled_at is not None:
        raise Conflict("the contract has ended already")
    action, end = ending
    end(row)
    await db.flush()
    await _audited(db, row, action, actor)
    return row


async def _audited(db: AsyncSession, row: ContractCertificate, action: str, actor: str) -> None:
    # The eMAID names a driver: the audit log names the certificate.
    await audit.record(
        db,
        row.organization_id,
        actor=actor,
        action=f"contract.{action}",
        subject=f"contract:{row.id}",
        details={"serial": row.serial},
    )
