"""What a record says beside its CDR, as a `PriceContext`: the zone, the driver, the market.

`{"time_zone": "Europe/Berlin", "context": {"reservation_expired": false, "user_groups": [],
"spot": {"<feed>": {"starts": [], "prices": [], "ends_at": ""}}, "earlier": {"used": [{"type",
"per", "span", "quantity"}], "spent": [{"day", "excl_vat", "incl_vat"}]}}}`; all of `context` may
be left out. Quantities are kWh for ENERGY, else seconds.
"""

from collections.abc import Mapping
from fractions import Fraction

from holdfast.domain.finding import Finding, review
from holdfast.domain.pricing.context import Earlier, PriceContext, SpotCurve
from holdfast.domain.pricing.record import RecordInvalid
from holdfast.domain.pricing.record_values import entries, instant, number
from holdfast.domain.tariff.foreign import member
from holdfast.domain.tariff.version import AllowancePer, DimensionType
from holdfast.domain.time_zone import UnknownZone, time_zone

_KNOWN = ("reservation_expired", "user_groups", "spot", "earlier")


def context_of_record(record: Mapping[str, object], findings: list[Finding]) -> PriceContext:
    """Raises `RecordInvalid`; what is unknown is added to `findings`."""
    zone = record.get("time_zone")
    try:
        if not isinstance(zone, str):
            raise UnknownZone
        time_zone(zone)
    except UnknownZone:
        raise RecordInvalid(
            "time_zone", zone, "use the site's IANA zone, such as Europe/Berlin"
        ) from None
    context = record.get("context") or {}
    if not isinstance(context, Mapping):
        raise RecordInvalid("context", context, "use a JSON object")
    for name in context:
        if name not in _KNOWN:
            findings.append(
                review("unknown_field", f"context.{str(name)[:80]} is not known: passed over")
            )
    expired = context.get("reservation_expired") or False
    if not isinstance(expired, bool):
        raise RecordInvalid("context.reservation_expired", expired, "use true or false")
    groups = entries(context.get("user_groups"), "context.user_groups")
    for group in groups:
        if not isinstance(group, str):
            raise RecordInvalid("context.user_groups", group, "use the keys of groups")
    return PriceContext(
        zone=zone,
        reservation_expired=expired,
        user_groups=frozenset(str(group) for group in groups),
        spot=_spot(context.get("spot")),
        earlier=_earlier(context.get("earlier")),
    )


def _spot(value: object) -> dict[str, SpotCurve]:
    if value is None:
        return {}
    path = "context.spot"
    if not isinstance(value, Mapping):
        raise RecordInvalid(path, value, "use an object of curves by feed")
    curves: dict[str, SpotCurve] = {}
    for feed, curve in value.items():
        at = f"{path}.{str(feed)[:80]}"
        if not isinstance(curve, Mapping):
            raise RecordInvalid(at, curve, "use an object with starts, prices and ends_at")
        starts = tuple(
            instant(item, f"{at}.starts") for item in entries(curve.get("starts"), f"{at}.starts")
        )
        prices = tuple(
            None
            if item is None
            else number(item, f"{at}.prices", 'use a price per kWh such as "0.08"')
            for item in entries(curve.get("prices"), f"{at}.prices")
        )
        if len(starts) != len(prices) or list(starts) != sorted(set(starts)):
            raise RecordInvalid(f"{at}.starts", len(starts), "use one ascending start per price")
        curves[str(feed)] = SpotCurve(
            starts, prices, instant(curve.get("ends_at"), f"{at}.ends_at")
        )
    return curves


def _earlier(value: object) -> Earlier:
    if value is None:
        return Earlier()
    path = "context.earlier"
    if not isinstance(value, Mapping):
        raise RecordInvalid(path, value, "use an object with used and spent")
    used: dict[tuple[DimensionType, AllowancePer, str], int] = {}
    for index, item in enumerate(entries(value.get("used"), f"{path}.used")):
        at = f"{path}.used[{index}]"
        if not isinstance(item, Mapping):
            raise RecordInvalid(at, item, "use an object with type, per, span and quantity")
        kind = member(DimensionType, str(item.get("type")))
        if not isinstance(kind, DimensionType):
            raise RecordInvalid(f"{at}.type", item.get("type"), "use ENERGY, TIME or PARKING_TIME")
        try:
            per = AllowancePer(str(item.get("per")))
        except ValueError:
            raise RecordInvalid(f"{at}.per", item.get("per"), "use day or month") from None
        quantity = number(item.get("quantity"), f"{at}.quantity", "use kWh or seconds")
        scale = 1_000_000 if kind is DimensionType.ENERGY else 1
        if quantity < 0 or quantity * scale != int(quantity * scale):
            raise RecordInvalid(f"{at}.quantity", quantity, "use kWh to the mWh, or whole seconds")
        used[kind, per, str(item.get("span"))] = int(quantity * scale)
    spent: dict[str, tuple[Fraction, Fraction]] = {}
    for index, item in enumerate(entries(value.get("spent"), f"{path}.spent")):
        at = f"{path}.spent[{index}]"
        if not isinstance(item, Mapping):
            raise RecordInvalid(at, item, "use an object with day, excl_vat and incl_vat")
        sides = [
            Fraction(number(item.get(side), f"{at}.{side}", 'use an amount such as "4.20"'))
            for side in ("excl_vat", "incl_vat")
        ]
        spent[str(item.get("day"))] = (sides[0], sides[1])
    return Earlier(used=used, spent=spent)
