"""The price of a session: a pure function of tariff versions, charging periods and a context.

The one pricing function (invariant M4): the estimate, the live price, the bill, the CDR and the
check of a partner's CDR all come from here. The algorithm is that of OCPI 2.2.1/2.3.0 mod_tariffs
and mod_cdrs, with what OCPI cannot express in the same place:

1. Each period is matched as it starts: local wall clock, energy and seconds since session start,
   which is where the first period starts, also that of a reservation.
2. Per dimension, the first element that matches and has the dimension gives the price; none is
   free. FLAT counts once for charging and once for a reservation (`bill`).
3. What an allowance covers of what has a price is free (`allowances`).
4. Step sizes round up once per kind, on the session's total, at the last price of that kind.
   Priced parking absorbs the rounding of charging time.
5. Caps per local day, then least and greatest price, each side of tax to its own (`adjustments`).
6. Half up, once, on each stated total; other policies round earlier (`context.Rounding`).
"""

from collections.abc import Sequence

from holdfast.domain.finding import Finding, note
from holdfast.domain.pricing.adjustments import Billed, adjusted
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import CompiledTariff, compile_tariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.priced_session import PricedSession, RateSum, by_rate
from holdfast.domain.pricing.session_walk import SessionWalk
from holdfast.domain.tariff.version import TariffVersion, TaxIncluded
from holdfast.domain.time_zone import time_zone

PERIODS_MAX = 10_000
TARIFFS_MAX = 100


class TooManyPeriods(ValueError):
    """More periods than any real session has."""


class TariffsUnfit(ValueError):
    """Tariffs that one session cannot have: none, too many, or in two currencies."""


def price(
    tariffs: TariffVersion | Sequence[TariffVersion],
    periods: Sequence[ChargingPeriod],
    context: PriceContext,
) -> PricedSession:
    """What a session costs. Of several tariffs `ChargingPeriod.tariff_id` says which counts.

    No period is a price of zero. Raises `UnknownZone`, `TooManyPeriods`, `TariffsUnfit`.
    """
    if isinstance(tariffs, TariffVersion):
        return price_compiled(compile_tariff(tariffs), periods, context)
    return price_compiled([compile_tariff(tariff) for tariff in tariffs], periods, context)


def price_compiled(
    tariffs: CompiledTariff | Sequence[CompiledTariff],
    periods: Sequence[ChargingPeriod],
    context: PriceContext,
) -> PricedSession:
    """`price` for who prices many sessions under the same tariffs."""
    if isinstance(tariffs, CompiledTariff):
        tariffs = (tariffs,)
    _require_fit(tariffs)
    if len(periods) > PERIODS_MAX:
        raise TooManyPeriods(f"{len(periods)} periods: at most {PERIODS_MAX} can be priced")
    zone = time_zone(context.zone)
    session = SessionWalk([one.for_groups(context.user_groups) for one in tariffs], context, zone)
    session.walk(periods)
    session.bill.add_step_sizes()
    lines = tuple(session.bill.lines)
    billed = Billed(
        lines=lines,
        sums=by_rate(lines),
        days=session.days,
        tariffs=tuple(session.used.values()),
        currency=tariffs[0].tariff.currency,
    )
    total = adjusted(billed, context)
    return PricedSession(
        tariff_ids=tuple(one.tariff.id for one in tariffs),
        currency=billed.currency,
        lines=lines,
        sums=billed.sums,
        adjustments=tuple(total.adjustments),
        findings=(*session.odd.findings(), *_tax_findings(billed.sums), *total.findings),
        net=total.net,
        gross=total.gross,
        rounding=context.rounding,
    )


def _require_fit(tariffs: Sequence[CompiledTariff]) -> None:
    if not 1 <= len(tariffs) <= TARIFFS_MAX:
        raise TariffsUnfit(f"{len(tariffs)} tariffs: a session has 1 to {TARIFFS_MAX}")
    currencies = {one.tariff.currency.code for one in tariffs}
    if len(currencies) > 1:
        raise TariffsUnfit(
            f"tariffs in {', '.join(sorted(currencies))}: a session has one currency"
        )


def _tax_findings(sums: Sequence[RateSum]) -> list[Finding]:
    """Where a tariff says that tax is in its prices or comes on top, but not how much."""
    said = {
        TaxIncluded.NO: "a price has no rate of tax: no tax was added",
        TaxIncluded.YES: "a price includes tax at a rate that is not stated: what it is before tax"
        " is not known",
    }
    charged = [one.rate for one in sums if one.quantity and one.rate.price]
    forms = {rate.form for rate in charged if rate.vat is None}
    return [note("tax_unknown", detail) for form, detail in said.items() if form in forms]
