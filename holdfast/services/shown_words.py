"""What a page that follows a market said at an instant.

A page shows by itself what applies: nobody is asked and nobody confirms. While one version applies,
the market decides its words, and the first word of a market is never changed (`spot_prices`), so
the ledger has one row for a version, not one for each of a market's prices, and what was said at an
instant is worked out by the renderer of the page, from the prices that were known then.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.display import shown_price
from holdfast.services.compiled_tariffs import compiled_version
from holdfast.services.page_content import FOLLOWS, ZONE, said_by
from holdfast.services.price_words.price_text import PriceText, price_text
from holdfast.services.price_words.reader import reader_of
from holdfast.services.public_prices import display_context
from holdfast.services.shown_prices import Shown
from holdfast.services.slices import Slice
from holdfast.store.tables import ShownPrice

WORDED_MAX = 50
"""Versions, places and languages in one list; the others keep the words of their first moment."""


async def worded(db: AsyncSession, found: Slice[Shown], at: datetime | None) -> Slice[Shown]:
    """The list with what its pages said then; as it is where no instant is asked for.

    Raises TariffInvalid, UnknownZone.
    """
    if at is None:
        return found
    known: dict[tuple[UUID, str, str | None], PriceText] = {}
    items = []
    for one in found.items:
        row = one.row
        if row.channel == "page" and row.version_id is not None and FOLLOWS in row.content:
            key = (row.version_id, str(row.content[ZONE]), row.language)
            if key not in known and len(known) < WORDED_MAX:
                known[key] = await _words(db, row, row.version_id, at)
            one = replace(one, words=known.get(key))
        items.append(one)
    return replace(found, items=items)


def content_of(one: Shown) -> Mapping[str, Any]:
    """What was shown: of a page at the instant that was asked for."""
    content: Mapping[str, Any] = one.row.content
    return content if one.words is None else {**content, **said_by(one.words)}


async def _words(db: AsyncSession, row: ShownPrice, version_id: UUID, at: datetime) -> PriceText:
    tariff = await compiled_version(db, version_id)
    context = await display_context(
        db, row.organization_id, tariff, zone=row.content[ZONE], at=at, known_at=at
    )
    return price_text(shown_price(tariff, context, at), reader_of(row.language or "en"))
