"""ISO 15118: trusted roots, contract certificates, and what OCSP responders said."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field

from api.routes.fields import Identity, Input, Line, Output
from holdfast.adapters.contract_signing import OwnContractSigner
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Commander, DriverWriter, NetworkWriter, Reader
from holdfast.services import contracts, trusted_roots
from holdfast.settings import Settings
from holdfast.store.tables import ContractCertificate, OcspAnswer, TrustedRoot

router = APIRouter(tags=["plug and charge"], route_class=IdempotentRoute)

Emaid = Annotated[str, Field(min_length=14, max_length=20)]


class NewRoot(Input):
    """`mo`: of contracts; `v2g`: of stations and their sub-authorities; `manufacturer`: of cars.
    One certificate, in PEM."""

    use: Literal["mo", "v2g", "manufacturer"]
    certificate: Annotated[str, Field(max_length=trusted_roots.PEM_LENGTH_MAX)]


class RootShown(Output):
    """A certificate in which chains may end. `fingerprint`: SHA-256, hex."""

    id: UUID
    use: str
    subject: str
    certificate: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    created_at: datetime
    retired_at: datetime | None


class RootOrdered(Output):
    """An order was placed."""

    order: UUID


class NewContract(Input):
    """The eMAID with or without separators."""

    emaid: Emaid
    days: Annotated[int, Field(ge=1, le=contracts.DAYS_MAX)] = contracts.DAYS_USUAL


class ContractShown(Output):
    """A contract certificate. `chain`: PEM, the contract first."""

    id: UUID
    emaid: str
    serial: str
    chain: str
    state: Literal["good", "expired", "revoked", "cancelled"]
    not_before: datetime
    not_after: datetime
    created_at: datetime
    revoked_at: datetime | None
    cancelled_at: datetime | None


class ContractMade(ContractShown):
    """With the private key, shown this once: it is kept nowhere."""

    key: str


class OcspShown(Output):
    """What a responder said of a certificate, which the hashes name."""

    certificate: Line
    responder: str | None
    status: str
    this_update: datetime
    next_update: datetime | None
    fetched_at: datetime


@router.get("/trusted-roots")
async def list_roots(
    db: Db, reader: Reader, asked: Asked, retired: bool = False
) -> Page[RootShown]:
    """Oldest first. The organization's own authority is trusted without being listed."""
    rows = await trusted_roots.list_roots(db, reader.organization_id, asked, retired=retired)
    return page(rows, to_root)


@router.post("/trusted-roots", status_code=201)
async def trust_root(new: NewRoot, db: Db, writer: NetworkWriter) -> RootShown:
    """Trust a root, or a sub-authority in its place."""
    row = await trusted_roots.trust_root(
        db,
        writer.organization_id,
        use=new.use,
        pem=new.certificate,
        actor=writer.actor,
        now=datetime.now(UTC),
    )
    return to_root(row)


@router.post("/stations/{identity}/trusted-roots/{root_id}/install", status_code=202)
async def install_root(
    identity: Identity, root_id: UUID, db: Db, commander: Commander
) -> RootOrdered:
    """Have a station trust the root too: it waits up to a week for one that is away."""
    order = await trusted_roots.install_root(
        db,
        commander.organization_id,
        identity,
        root_id,
        actor=commander.actor,
        now=datetime.now(UTC),
    )
    return RootOrdered(order=order.id)


@router.post("/trusted-roots/{root_id}/retire")
async def retire_root(root_id: UUID, db: Db, writer: NetworkWriter) -> RootShown:
    """No chain ends in it any more, within seconds."""
    row = await trusted_roots.retire_root(
        db, writer.organization_id, root_id, actor=writer.actor, now=datetime.now(UTC)
    )
    return to_root(row)


@router.get("/contracts")
async def list_contracts(
    db: Db,
    reader: DriverWriter,
    asked: Asked,
    emaid: Annotated[Emaid | None, Query(description="With or without separators.")] = None,
) -> Page[ContractShown]:
    """Oldest first."""
    rows = await contracts.list_contracts(db, reader.organization_id, asked, emaid=emaid)
    return page(rows, to_contract)


@router.post("/contracts", status_code=201)
async def issue_contract(
    new: NewContract, request: Request, db: Db, writer: DriverWriter
) -> ContractMade:
    """Issue a certificate by the organization's own authority. The eMAID charges once it is a token
    too."""
    settings: Settings = request.app.state.settings
    row, signed = await contracts.issue_contract(
        db,
        writer.organization_id,
        emaid=new.emaid,
        days=new.days,
        signer=OwnContractSigner(settings.secret_key.get_secret_value(), settings.public_url),
        actor=writer.actor,
        now=datetime.now(UTC),
    )
    return ContractMade(**to_contract(row).model_dump(), key=signed.key_pem)


@router.post("/contracts/{contract_id}/revoke")
async def revoke_contract(contract_id: UUID, db: Db, writer: DriverWriter) -> ContractShown:
    """The certificate is good no longer: stations are told CertificateRevoked."""
    row = await contracts.revoke_contract(
        db, writer.organization_id, contract_id, actor=writer.actor, now=datetime.now(UTC)
    )
    return to_contract(row)


@router.post("/contracts/{contract_id}/cancel")
async def cancel_contract(contract_id: UUID, db: Db, writer: DriverWriter) -> ContractShown:
    """The contract ended: stations are told ContractCancelled."""
    row = await contracts.cancel_contract(
        db, writer.organization_id, contract_id, actor=writer.actor, now=datetime.now(UTC)
    )
    return to_contract(row)


@router.get("/ocsp-answers")
async def list_ocsp_answers(db: Db, reader: Reader, asked: Asked) -> Page[OcspShown]:
    """What responders said of certificates that cars and stations showed."""
    rows = await contracts.list_ocsp_answers(db, reader.organization_id, asked)
    return page(rows, to_ocsp)


def to_root(row: TrustedRoot) -> RootShown:
    """The root in this API's words."""
    return RootShown(
        id=row.id,
        use=row.use,
        subject=row.subject,
        certificate=row.pem,
        fingerprint=row.fingerprint.hex(),
        not_before=row.not_before,
        not_after=row.not_after,
        created_at=row.created_at,
        retired_at=row.retired_at,
    )


def to_contract(row: ContractCertificate) -> ContractShown:
    """The contract in this API's words."""
    state: Literal["good", "expired", "revoked", "cancelled"] = "good"
    if row.revoked_at is not None:
        state = "revoked"
    elif row.cancelled_at is not None:
        state = "cancelled"
    elif row.not_after < datetime.now(UTC):
        state = "expired"
    return ContractShown(
        id=row.id,
        emaid=row.emaid,
        serial=row.serial,
        chain=row.chain_pem,
        state=state,
        not_before=row.not_before,
        not_after=row.not_after,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        cancelled_at=row.cancelled_at,
    )


def to_ocsp(row: OcspAnswer) -> OcspShown:
    """The answer in this API's words."""
    return OcspShown(
        certificate=row.certificate,
        responder=row.responder_url,
        status=row.status,
        this_update=row.this_update,
        next_update=row.next_update,
        fetched_at=row.fetched_at,
    )
