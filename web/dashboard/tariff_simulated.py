"""What a draft would have earned on past sessions, in short: of its newest simulation."""

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.version import TariffInvalid, TariffVersion
from holdfast.services.scope import owned
from holdfast.services.simulations import OPEN_STATES, tally_of
from holdfast.store.tables import TariffDraft, TariffSimulation
from web.wording import Quantity, money


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Amounts after tax. `stale`: the draft says something else by now."""

    id: UUID
    state: str
    open: bool
    done: int
    total: int | None
    before: Quantity
    after: Quantity
    difference: Quantity
    dearer: int
    cheaper: int
    equal: int
    stale: bool


async def newest_simulation(
    db: AsyncSession, draft: TariffDraft, says: TariffVersion | None
) -> Simulated | None:
    """Of this draft; `says` is what it says now. None where it was never simulated."""
    row = await db.scalar(
        owned(TariffSimulation, draft.organization_id)
        .where(TariffSimulation.draft_id == draft.id)
        .order_by(TariffSimulation.id.desc())
        .limit(1)
    )
    if row is None:
        return None
    tally, currency = tally_of(row), str(row.body["currency"])
    return Simulated(
        id=row.id,
        state=row.state,
        open=row.state in OPEN_STATES,
        done=row.sessions_done,
        total=row.sessions_total,
        before=money(tally.total.before_gross, currency),
        after=money(tally.total.after_gross, currency),
        difference=money(tally.total.after_gross - tally.total.before_gross, currency),
        dearer=tally.dearer,
        cheaper=tally.cheaper,
        equal=tally.equal,
        stale=not _same(row, says),
    )


def _same(row: TariffSimulation, says: TariffVersion | None) -> bool:
    try:
        simulated = tariff_from_json(row.body)
    except TariffInvalid:
        return False
    # Holidays of the past were written into what was simulated: its calendar is what counts.
    return says is not None and replace(simulated, id=says.id, holidays=says.holidays) == says
