"""A price context as JSON: written beside a settlement's price, read back to price it once more.

The form is that of a record's `context` (`record_context`), with exact amounts, which may be
fractions ("17/60"): `{"time_zone", "user_groups", "spot": {feed: {"starts", "prices", "ends_at"}},
"earlier": {"used": [{"type", "per", "span", "quantity"}], "spent": [{"day", "excl_vat",
"incl_vat"}]}}`. Quantities are kWh for ENERGY, else seconds.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from holdfast.domain.pricing.amount_text import exact_text
from holdfast.domain.pricing.context import Earlier, PriceContext, SpotCurve
from holdfast.domain.tariff.version import AllowancePer, DimensionType

_MWH_PER_KWH = 1_000_000


def context_to_json(context: PriceContext) -> dict[str, Any]:
    """What `context_from_json` reads; what is empty is left out, but for the zone."""
    written: dict[str, Any] = {"time_zone": context.zone}
    if context.user_groups:
        written["user_groups"] = sorted(context.user_groups)
    if context.spot:
        written["spot"] = {feed: _curve_to_json(curve) for feed, curve in context.spot.items()}
    earlier = context.earlier
    if earlier.used or earlier.spent:
        written["earlier"] = {
            "used": [
                {
                    "type": kind.value,
                    "per": per.value,
                    "span": span,
                    "quantity": exact_text(Fraction(quantity, _scale(kind))),
                }
                for (kind, per, span), quantity in sorted(earlier.used.items())
            ],
            "spent": [
                {"day": day, "excl_vat": exact_text(net), "incl_vat": exact_text(gross)}
                for day, (net, gross) in sorted(earlier.spent.items())
            ],
        }
    return written


def context_from_json(written: Mapping[str, Any]) -> PriceContext:
    """What `context_to_json` wrote."""
    earlier = written.get("earlier", {})
    return PriceContext(
        zone=written["time_zone"],
        user_groups=frozenset(written.get("user_groups", ())),
        spot={
            feed: SpotCurve(
                tuple(datetime.fromisoformat(start) for start in curve["starts"]),
                tuple(None if price is None else Decimal(price) for price in curve["prices"]),
                datetime.fromisoformat(curve["ends_at"]),
            )
            for feed, curve in written.get("spot", {}).items()
        },
        earlier=Earlier(
            used={
                (DimensionType(item["type"]), AllowancePer(item["per"]), item["span"]): int(
                    Fraction(item["quantity"]) * _scale(DimensionType(item["type"]))
                )
                for item in earlier.get("used", ())
            },
            spent={
                item["day"]: (Fraction(item["excl_vat"]), Fraction(item["incl_vat"]))
                for item in earlier.get("spent", ())
            },
        ),
    )


def _curve_to_json(curve: SpotCurve) -> dict[str, Any]:
    return {
        "starts": [start.isoformat() for start in curve.starts],
        "prices": [None if price is None else str(price) for price in curve.prices],
        "ends_at": curve.ends_at.isoformat(),
    }


def _scale(kind: DimensionType) -> int:
    return _MWH_PER_KWH if kind is DimensionType.ENERGY else 1
