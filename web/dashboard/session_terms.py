"""The price that a session is charged by, in words, and what it costs so far."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.display import shown_price
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.domain.time_zone import UnknownZone
from holdfast.services.compiled_tariffs import compiled_version
from holdfast.services.price_words.price_text import PriceText, price_text
from holdfast.services.public_prices import display_context
from holdfast.services.scope import owned
from holdfast.services.session_terms import terms_of
from holdfast.store.tables import RunningCost, Session, Tariff, TariffVersion
from web.wording import Quantity, money

LANGUAGE = "en-GB"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSoFar:
    """What an open session costs so far, tax included. `told`: what its station shows of it."""

    amount: Quantity
    energy_wh: int
    as_of: datetime
    told: Quantity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was frozen as it began. `words`: the price as drivers were shown it then."""

    tariff: str | None
    tariff_id: UUID | None
    version: int | None
    words: PriceText | None
    so_far: CostSoFar | None


async def read_terms(db: AsyncSession, session: Session) -> Terms:
    """Of a session that the reader may see."""
    tariff, tariff_id, number = await _tariff(db, session)
    return Terms(
        tariff=tariff,
        tariff_id=tariff_id,
        version=number,
        words=await _words(db, session),
        so_far=None if session.closed_at is not None else await _so_far(db, session.id),
    )


async def _tariff(db: AsyncSession, session: Session) -> tuple[str | None, UUID | None, int | None]:
    row = (
        await db.execute(
            owned(TariffVersion, session.organization_id)
            .join(Tariff, Tariff.id == TariffVersion.tariff_id)
            .where(TariffVersion.id == session.tariff_version_id)
            .with_only_columns(Tariff.name, Tariff.id, TariffVersion.number)
        )
    ).one_or_none()
    return (None, None, None) if row is None else (row[0], row[1], row[2])


async def _words(db: AsyncSession, session: Session) -> PriceText | None:
    """None where there is no tariff, or one that cannot be shown: the page has findings for it."""
    if session.tariff_version_id is None:
        return None
    at = session.started_at or session.created_at
    terms = await terms_of(db, session)
    try:
        tariff = await compiled_version(db, session.tariff_version_id)
        context = await display_context(
            db, session.organization_id, tariff, zone=terms.zone, at=at, groups=terms.groups
        )
        return price_text(shown_price(tariff, context, at), LANGUAGE)
    except (TariffInvalid, UnknownZone):
        return None


async def _so_far(db: AsyncSession, session_id: UUID) -> CostSoFar | None:
    row = await db.get(RunningCost, session_id)
    if row is None:
        return None
    return CostSoFar(
        amount=money(row.incl_minor, row.currency),
        energy_wh=row.energy_wh,
        as_of=row.as_of,
        told=None if row.told_minor is None else money(row.told_minor, row.currency),
    )
