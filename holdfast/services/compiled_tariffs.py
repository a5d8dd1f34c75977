"""Tariff versions made ready for pricing, kept by version: a version never changes."""

from collections import OrderedDict
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.pricing.compiled_tariff import CompiledTariff, compile_tariff
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.store.tables import TariffVersion

KEPT_MAX = 1_000
"""Versions in force of a large installation several times over; some kB each."""

_kept: OrderedDict[UUID, CompiledTariff] = OrderedDict()


def compiled(version: TariffVersion) -> CompiledTariff:
    """The version of a row at hand. Raises TariffInvalid."""
    known = _kept.get(version.id)
    if known is None:
        known = _keep(version.id, compile_tariff(tariff_from_json(version.body)))
    else:
        _kept.move_to_end(version.id)
    return known


async def compiled_version(db: AsyncSession, version_id: UUID) -> CompiledTariff:
    """The version of that id, which the caller may see. No query where it is known. Raises
    TariffInvalid; NoResultFound for an id that nothing refers to."""
    known = _kept.get(version_id)
    if known is not None:
        _kept.move_to_end(version_id)
        return known
    return compiled(await db.get_one(TariffVersion, version_id))


def _keep(version_id: UUID, tariff: CompiledTariff) -> CompiledTariff:
    while len(_kept) >= KEPT_MAX:
        _kept.popitem(last=False)
    _kept[version_id] = tariff
    return tariff
