"""Publications of tariff versions: begun with the approval, told when something changes.

What their workflow does with the rows is in `publication_steps`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts import tariff_publications as contract
from holdfast.contracts.names import publication_workflow_id
from holdfast.services import audit
from holdfast.services.outbox import notify, tell
from holdfast.services.refusal import Conflict
from holdfast.services.scope import find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.version_spans import version_in_force
from holdfast.store.tables import Organization, Publication, ShownPrice, Tariff, TariffVersion

OPEN_STATES = ("waiting", "publishing", "live")
SYSTEM = "system:tariffs"
TARIFFS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A publication with its version, its tariff's name, and how many places are in which state."""

    publication: Publication
    version: TariffVersion
    tariff: str
    places: Mapping[str, int]


def start_message(
    publication: Publication,
    organization: Organization,
    tariff: Tariff,
    version: TariffVersion,
    *,
    rebuilt: bool = False,
) -> contract.StartPublication:
    """What starts the publication's workflow."""
    return contract.StartPublication(
        publication_id=publication.id,
        organization=organization.slug,
        organization_id=organization.id,
        tariff_id=tariff.id,
        tariff=tariff.name[:100],
        number=version.number,
        valid_from=version.valid_from,
        rebuilt=rebuilt,
        attention=publication.attention if rebuilt else None,
    )


async def in_line(db: AsyncSession, organization_id: UUID) -> None:
    """Whoever changes publications or what stations show waits here, before any lock of those: each
    looks at what others of the organization are about to write."""
    lock = func.hashtextextended(f"publications:{organization_id}", 0)
    await db.execute(select(func.pg_advisory_xact_lock(lock)))


async def begin(db: AsyncSession, version: TariffVersion, actor: str) -> Publication:
    """The row and the start of its workflow, in the transaction that made the version; versions of
    the same tariff that are on their way are told of it. A repeat begins nothing. Audited."""
    await in_line(db, version.organization_id)
    written: Publication | None = await db.scalar(
        insert(Publication)
        .values(
            organization_id=version.organization_id,
            tariff_id=version.tariff_id,
            version_id=version.id,
        )
        .on_conflict_do_nothing(index_elements=["version_id"])
        .returning(Publication)
    )
    if written is None:
        before = await db.scalars(
            owned(Publication, version.organization_id).where(Publication.version_id == version.id)
        )
        return before.one()
    organization = await db.get_one(Organization, version.organization_id)
    tariff = await db.get_one(Tariff, version.tariff_id)
    await tell(
        db,
        version.organization_id,
        publication_workflow_id(written.id),
        operation="start",
        name=contract.WORKFLOW,
        message=start_message(written, organization, tariff, version),
    )
    await audit.record(
        db,
        version.organization_id,
        actor=actor,
        action="tariff.publish",
        subject=f"tariff:{tariff.id}",
        details={"version": version.number, "valid_from": version.valid_from.isoformat()},
    )
    await _tell_open(db, tariff, but=written)
    await notify(db, ["tariffs", "outbox"])
    return written


async def refresh(
    db: AsyncSession, organization_id: UUID, tariff_ids: Iterable[UUID], *, now: datetime
) -> None:
    """An assignment, an end or a retirement changed what applies where: whoever shows prices of
    these tariffs is brought up to date.

    A version in force that was never published, or whose publication was over, goes live (again).
    """
    await in_line(db, organization_id)
    for tariff_id in sorted(set(tariff_ids))[:TARIFFS_MAX]:
        tariff = await find(db, Tariff, organization_id, tariff_id, "tariff")
        version = await version_in_force(db, tariff, now)
        if version is not None:
            await ensure(db, version)
        await _tell_open(db, tariff)
    await notify(db, ["tariffs", "outbox"])


async def ensure(db: AsyncSession, version: TariffVersion) -> Publication:
    """The publication of a version that applies, open. One that was over runs again: the relay
    finds its workflow closed, and starts it from the row."""
    publication = await begin(db, version, SYSTEM)
    if publication.state not in OPEN_STATES:
        publication.state, publication.ended_at = "waiting", None
        await db.flush()
        await _tell_changed(db, publication)
    return publication


async def look_again(db: AsyncSession, version_ids: Iterable[UUID]) -> None:
    """Something became known of these versions that their publications should see now."""
    publications = await db.scalars(
        select(Publication).where(
            Publication.version_id.in_(sorted(set(version_ids))),
            Publication.state.in_(OPEN_STATES),
            # Where a person was asked already, one refusal more is seen with the next look.
            Publication.attention.is_(None),
        )
    )
    for publication in publications.all():
        await _tell_changed(db, publication)


async def _tell_open(db: AsyncSession, tariff: Tariff, *, but: Publication | None = None) -> None:
    open_ones = await db.scalars(
        owned(Publication, tariff.organization_id).where(
            Publication.tariff_id == tariff.id, Publication.state.in_(OPEN_STATES)
        )
    )
    for publication in open_ones.all():
        if publication is not but:
            await _tell_changed(db, publication)


async def _tell_changed(db: AsyncSession, publication: Publication) -> None:
    event_id = (await db.execute(select(func.uuidv7()))).scalar_one()
    await tell(
        db,
        publication.organization_id,
        publication_workflow_id(publication.id),
        operation="signal",
        name=contract.PUBLICATION_CHANGED,
        message=contract.EventSignal(event_id=str(event_id)),
    )


async def resolve(
    db: AsyncSession,
    organization_id: UUID,
    publication_id: UUID,
    *,
    action: contract.Action,
    reason: str,
    actor: str,
) -> Publication:
    """What a person decides about places that refused. Audited. Raises NotFound, Conflict."""
    publication = await find(
        db, Publication, organization_id, publication_id, "publication", lock=True
    )
    if publication.attention is None:
        raise Conflict("nothing of this publication waits for a decision")
    entry = await audit.record(
        db,
        organization_id,
        actor=actor,
        action="tariff.publication_decision",
        subject=f"publication:{publication_id}",
        reason=reason,
        details={"action": action},
    )
    await tell(
        db,
        organization_id,
        publication_workflow_id(publication_id),
        operation="signal",
        name=contract.OPERATOR_DECIDED,
        message=contract.PublicationDecision(event_id=f"audit:{entry}", action=action),
    )
    await notify(db, ["tariffs", "outbox"])
    return publication


async def list_publications(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked, *, tariff_id: UUID | None = None
) -> Slice[Progress]:
    """Newest first."""
    statement = owned(Publication, organization_id)
    if tariff_id is not None:
        statement = statement.where(Publication.tariff_id == tariff_id)
    rows: Slice[Publication] = await take(db, statement, Publication.id, asked, newest_first=True)
    return Slice(items=await _with_progress(db, rows.items), next=rows.next)


async def get_publication(
    db: AsyncSession, organization_id: UUID, publication_id: UUID
) -> Progress:
    """Raises NotFound."""
    publication = await find(db, Publication, organization_id, publication_id, "publication")
    return (await _with_progress(db, [publication]))[0]


async def _with_progress(db: AsyncSession, publications: list[Publication]) -> list[Progress]:
    if not publications:
        return []
    counted = await db.execute(
        select(ShownPrice.version_id, ShownPrice.state, func.count())
        .where(
            ShownPrice.version_id.in_([one.version_id for one in publications]),
            text("(until_at IS NULL OR state = 'refused')"),
        )
        .group_by(ShownPrice.version_id, ShownPrice.state)
    )
    places: dict[UUID | None, dict[str, int]] = {}
    for version_id, state, count in counted:
        places.setdefault(version_id, {})[state] = count
    rows: Any = await db.execute(
        select(TariffVersion, Tariff.name)
        .join(Tariff, Tariff.id == TariffVersion.tariff_id)
        .where(TariffVersion.id.in_([one.version_id for one in publications]))
    )
    versions = {version.id: (version, name) for version, name in rows}
    return [
        Progress(
            publication=one,
            version=versions[one.version_id][0],
            tariff=versions[one.version_id][1],
            places=places.get(one.version_id, {}),
        )
        for one in publications
    ]
