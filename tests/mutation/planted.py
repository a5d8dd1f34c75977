"""The wrong behaviours. Each is one text of the engine and what stands there instead."""

from dataclasses import dataclass

PRICING = "holdfast/domain/pricing"


@dataclass(frozen=True, slots=True)
class Planted:
    """In `module` (of the pricing room), `right` occurs once and becomes `wrong`."""

    name: str
    module: str
    right: str
    wrong: str

    @property
    def path(self) -> str:
        return f"{PRICING}/{self.module}.py"


def _conditions(name: str, right: str, wrong: str) -> Planted:
    return Planted(name, "conditions", right, wrong)


PLANTED = (
    # Restrictions
    _conditions(
        "a window includes its end",
        "return self.from_s <= at.second_of_day < self.until_s",
        "return self.from_s <= at.second_of_day <= self.until_s",
    ),
    _conditions(
        "a window excludes its start",
        "return self.from_s <= at.second_of_day < self.until_s",
        "return self.from_s < at.second_of_day < self.until_s",
    ),
    _conditions("a window never wraps past midnight", "wraps=until_s < from_s", "wraps=False"),
    _conditions(
        "a window that wraps holds only where both ends do",
        "at.second_of_day >= self.from_s or at.second_of_day < self.until_s",
        "at.second_of_day >= self.from_s and at.second_of_day < self.until_s",
    ),
    _conditions(
        "a window without an end ends at noon",
        "_seconds(restrictions.end_time) or _DAY_S",
        "_seconds(restrictions.end_time) or _DAY_S // 2",
    ),
    _conditions(
        "equal times match nothing", "any_time = from_s == until_s or", "any_time = False or"
    ),
    _conditions("the wall clock is that of UTC", "local = at.astimezone(zone)", "local = at"),
    _conditions(
        "an end date is inclusive",
        "self.until_day is None or day < self.until_day",
        "self.until_day is None or day <= self.until_day",
    ),
    _conditions(
        "a start date is exclusive",
        "self.from_day is None or day >= self.from_day",
        "self.from_day is None or day > self.from_day",
    ),
    _conditions("the week begins on Sunday", "(day + 6) % 7", "day % 7"),
    _conditions(
        "holidays are not told from other days",
        "(day in self.holidays) is self.holiday",
        "(day in self.holidays) is not None",
    ),
    _conditions(
        "a least energy is exclusive", "energy_mwh < self.min_mwh", "energy_mwh <= self.min_mwh"
    ),
    _conditions(
        "a greatest energy is inclusive", "energy_mwh >= self.max_mwh", "energy_mwh > self.max_mwh"
    ),
    _conditions(
        "a least duration is exclusive",
        "elapsed_s < self.min_duration",
        "elapsed_s <= self.min_duration",
    ),
    _conditions(
        "a greatest duration is inclusive",
        "elapsed_s >= self.max_duration",
        "elapsed_s > self.max_duration",
    ),
    _conditions("a greatest power is inclusive", "high >= most", "high > most"),
    _conditions("a least power is exclusive", "low < least", "low <= least"),
    _conditions(
        "what was not measured matches",
        "        if low is None or high is None:\n            return False",
        "        if low is None or high is None:\n            continue",
    ),
    # Lookup
    Planted(
        "an element that matches ends the search for every dimension",
        "compiled_tariff",
        "            if component.type not in priced:  # of two of one type the first counts",
        "            if component.type not in priced and not found[context][component.type]:",
    ),
    Planted(
        "of two components of one type the last counts",
        "compiled_tariff",
        "for component in element.price_components:\n            if component.type not in",
        "for component in element.price_components[::-1]:\n            if component.type not in",
    ),
    Planted(
        "elements for groups are for everybody",
        "compiled_tariff",
        "return rule is None or not rule.user_groups or not groups.isdisjoint(rule.user_groups)",
        "return True",
    ),
    Planted(
        "a reservation's elements price charging",
        "compiled_tariff",
        "            context = rule.reservation\n",
        "            context = None\n",
    ),
    Planted(
        "an expired reservation has the price of a used one first",
        "compiled_tariff",
        "(*unused[kind], *used[kind])",
        "(*used[kind], *unused[kind])",
    ),
    Planted(
        "an expired reservation has no price of its own",
        "bill",
        "tariff.expired if expired else tariff.reserved",
        "tariff.reserved",
    ),
    # Quantities
    Planted(
        "a flat fee comes with every period",
        "bill",
        "part.flat_billed, part.flat_due = True, False",
        "part.flat_billed, part.flat_due = False, True",
    ),
    Planted(
        "a reservation has the fee of charging",
        "bill",
        "            if period.reserves_only:\n",
        "            if False:\n",
    ),
    Planted("parking is free", "bill", "        if period.parking_s:\n", "        if False:\n"),
    Planted(
        "a period is matched by the energy at its end",
        "session_walk",
        "            if period.energy_mwh > 0:\n                energy_mwh += period.energy_mwh\n",
        "            if following_energy := sum(p.energy_mwh for p in periods[: number + 2]):\n"
        "                energy_mwh = following_energy\n",
    ),
    Planted(
        "the tariff of a period is always the first",
        "session_walk",
        "            found = self._by_id.get(period.tariff_id.lower())",
        "            found = self._first",
    ),
    # Step sizes
    Planted(
        "step sizes are left out",
        "bill",
        "rest = -self.quantities[kind] % last.rate.step",
        "rest = 0",
    ),
    Planted(
        "a block is rounded down",
        "bill",
        "rest = -self.quantities[kind] % last.rate.step",
        "rest = -(self.quantities[kind] % last.rate.step)",
    ),
    Planted(
        "parking does not absorb the blocks of charging time",
        "bill",
        "timed = _PARKING if _PARKING in self.charging.last else _TIME",
        "timed = _TIME",
    ),
    Planted(
        "reserved time has no blocks",
        "bill",
        "        self.lines += self.reserved.surplus(_TIME)\n",
        "",
    ),
    Planted(
        "a step of energy is counted in mWh",
        "rate",
        "per_step = _MWH_PER_WH if component.type is DimensionType.ENERGY else 1",
        "per_step = 1",
    ),
    # Tax
    Planted(
        "tax comes on top of prices that include it",
        "rate",
        "None if vat is None and stated else stated / (1 + tax), stated\n",
        "stated, stated * (1 + tax)\n",
    ),
    Planted(
        "an unknown net amount is invented",
        "rate",
        "net, gross = None if vat is None and stated else stated / (1 + tax), stated",
        "net, gross = stated / (1 + tax), stated",
    ),
    Planted(
        "tax is added where none applies",
        "rate",
        "vat = None if form is TaxIncluded.NOT_APPLICABLE else component.vat",
        "vat = component.vat",
    ),
    Planted(
        "decimals of a rate of tax are cut",
        "rate",
        "Fraction(vat) / 100",
        "Fraction(int(vat), 100)",
    ),
    # Markets
    Planted(
        "a market's price has no floor", "rate", "exact = max(exact, Fraction(spot.floor))", "pass"
    ),
    Planted(
        "a market's price has no ceiling", "rate", "min(exact, Fraction(spot.ceiling))", "exact"
    ),
    Planted(
        "a market's price comes without the markup",
        "rate",
        "exact = Fraction(self.component.price) + Fraction(spot.factor)",
        "exact = Fraction(spot.factor)",
    ),
    Planted(
        "a hole in the market is free",
        "rate",
        "Market(spot.fallback if price is None else price,",
        "Market(Decimal(0) if price is None else price,",
    ),
    # Allowances, caps, limits
    Planted(
        "an allowance counts again in every period",
        "allowances",
        "self._used[key] = used + quantity",
        "self._used[key] = used",
    ),
    Planted(
        "what the driver used before does not count",
        "allowances",
        "used = 0 if allowance.per is AllowancePer.SESSION else self._earlier.get(key, 0)",
        "used = 0",
    ),
    Planted(
        "a month's allowance is a day's",
        "allowances",
        "return text if per is AllowancePer.DAY else text[:7]",
        "return text",
    ),
    Planted(
        "what is free counts for blocks",
        "bill",
        "        if reason is _USED:\n            part.used(line)",
        "        part.used(line)",
    ),
    Planted(
        "a cap forgets what was spent before",
        "adjustments",
        "amount - max(_NOTHING, Fraction(most) - spent)",
        "amount - Fraction(most)",
    ),
    Planted(
        "a cap is of the session, not of the day",
        "adjustments",
        "by_day.setdefault(billed.days[line.period], [])",
        "by_day.setdefault(billed.days[0], [])",
    ),
    Planted(
        "a cap is of the session where parts are rounded too",
        "adjustments",
        "day = billed.days[line.period] if by_day else 0",
        "day = billed.days[0]",
    ),
    Planted(
        "a least price is a greatest",
        "adjustments",
        "pick = max if reason is AdjustmentReason.MIN_PRICE else min",
        "pick = min",
    ),
    Planted(
        "limits after tax are ignored",
        "adjustments",
        "more_gross = _NOTHING if gross_limit is None else",
        "more_gross = _NOTHING if True else",
    ),
    Planted(
        "limits that differ are mixed",
        "adjustments",
        "any(pick(other.tariff) != first for other in billed.tariffs[1:])",
        "False",
    ),
    # Rounding
    Planted(
        "a half is rounded down",
        "rounding",
        "return (2 * numerator + denominator) // (2 * denominator)",
        "return (2 * numerator + denominator - 1) // (2 * denominator)",
    ),
    Planted(
        "a half of a credit goes the other way",
        "rounding",
        "return -size if numerator < 0 else size",
        "return (-size + (2 * rest == denominator)) if numerator < 0 else size",
    ),
    # Cutting
    Planted(
        "no cut where a threshold of energy is reached",
        "periods",
        "fine = _between(sorted([*cuts, *reached, *_ends(curve)]), curve, rest)",
        "fine = _between(sorted([*cuts, *_ends(curve)]), curve, rest)",
    ),
    Planted(
        "no cut at the market's intervals",
        "periods",
        "    edges.update(spot_instants(limits.feeds, context, started_at, ended_at))\n",
        "",
    ),
    Planted(
        "no cut where power crosses a limit",
        "periods",
        "            self.crossings.update(self.power.crossings(limits.powers_mw))\n",
        "",
    ),
    Planted(
        "the grace of a rest is parking",
        "periods",
        "        return ChargingPeriod(started_at=at, grace_s=seconds)",
        "        return ChargingPeriod(started_at=at, parking_s=seconds)",
    ),
    Planted(
        "an interpolated split passes for a metered one",
        "periods",
        "            interpolated=left.interpolated or right.interpolated,\n",
        "            interpolated=False,\n",
    ),
    Planted(
        "only one pass through a repeated hour is cut",
        "boundaries",
        "for fold in (0, 1):",
        "for fold in (0,):",
    ),
)
