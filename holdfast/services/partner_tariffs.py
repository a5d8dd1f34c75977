"""What partners are shown: the versions that the public pays, in OCPI's words.

A version of a tariff that is assigned to everybody, or to whoever pays ad hoc, has one row in the
ledger with both forms, from its first moment until another price applies. OCPI keeps a tariff's id
over its versions and says when each is valid (issue 379), so the id is our tariff's.
"""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.ocpi import OcpiForm, json_text, render
from holdfast.services import shown_prices
from holdfast.services.scope import belongs, find, owned
from holdfast.services.shown_prices import Showing, Slot
from holdfast.services.slices import Slice, SliceAsked, take_rows
from holdfast.services.tariff_choice import PUBLIC, of_audience
from holdfast.services.version_spans import spans_of, version_in_force
from holdfast.store.tables import ShownPrice, Tariff, TariffAssignment, TariffVersion

FORMS = tuple(OcpiForm)
STAMP = "%Y-%m-%dT%H:%M:%SZ"


async def bring_up_to_date(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID, now: datetime
) -> ShownPrice | None:
    """The row of the tariff's version in force; None where the public has nothing to do with it.

    Raises TariffInvalid.
    """
    lock = func.hashtextextended(f"partner_tariffs:{tariff_id}", 0)
    await db.execute(select(func.pg_advisory_xact_lock(lock)))
    spans = await spans_of(db, organization_id, tariff_id)
    rows = await shown_prices.partner_rows(db, organization_id, list(spans))
    tariff = await find(db, Tariff, organization_id, tariff_id, "tariff")
    version = await version_in_force(db, tariff, now)
    if version is not None and not await _is_public(db, organization_id, tariff_id):
        version = None
    showing = None if version is None else showing_of(version)
    if showing is not None and any(shown_prices.is_same(row, showing) for row in rows):
        return next(row for row in rows if shown_prices.is_same(row, showing))
    for row in rows:
        shown_prices.end_row(row, now)
    await db.flush()
    if showing is None:
        return None
    return await shown_prices.write(
        db, organization_id, showing, publication_id=None, order_id=None, now=now
    )


async def list_partner_rows(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Slice[ShownPrice]:
    """What partners are shown now, in the order in which it was last changed."""
    statement = owned(ShownPrice, organization_id).where(
        ShownPrice.channel == "partner", ShownPrice.until_at.is_(None)
    )
    if since is not None:
        statement = statement.where(ShownPrice.shown_at >= since)
    if until is not None:
        statement = statement.where(ShownPrice.shown_at < until)
    rows = await take_rows(db, statement, ShownPrice.id, asked)
    return Slice(items=[row[0] for row in rows.items], next=rows.next)


def showing_of(version: TariffVersion) -> Showing:
    """Both forms of a version, and what they cannot say."""
    tariff = tariff_from_json(version.body)
    forms: dict[str, Any] = {}
    losses: dict[str, list[dict[str, str]]] = {}
    for form in FORMS:
        said = render(tariff, form)
        # Through text, so that each number is written with the digits that it has.
        forms[form.value] = json.loads(json_text(said.tariff)) | {
            "id": str(version.tariff_id),
            "start_date_time": version.valid_from.strftime(STAMP),
        }
        losses[form.value] = [loss.to_json() for loss in said.losses]
    details = sorted({loss["detail"] for found in losses.values() for loss in found})
    return Showing(
        slot=Slot(channel="partner"),
        version_id=version.id,
        content={"forms": forms, "losses": losses},
        detail="; ".join(details) or None,
    )


def tariff_object(row: ShownPrice, form: str) -> dict[str, Any]:
    """The Tariff object of a row, with when it last changed."""
    shown: dict[str, Any] = dict(row.content["forms"][form])
    at = row.shown_at or row.asked_at
    return shown | {"last_updated": at.strftime(STAMP)}


async def _is_public(db: AsyncSession, organization_id: UUID, tariff_id: UUID) -> bool:
    found = await db.scalar(
        select(TariffAssignment.id)
        .where(
            belongs(TariffAssignment, organization_id),
            TariffAssignment.tariff_id == tariff_id,
            TariffAssignment.until_at.is_(None),
            of_audience(PUBLIC),
        )
        .limit(1)
    )
    return found is not None
