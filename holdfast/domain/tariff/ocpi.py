"""A tariff of ours in OCPI's words, 2.2.1 and 2.3.0 (mod_tariffs, Tariff object), and back.

Honest: what OCPI can say exactly is said, if need be in other words (`ocpi_elements`), and what it
cannot say is listed as a loss, so that nobody takes the partner's price for ours. Reading back is
`foreign.foreign_tariff`, as for any partner's tariff.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from holdfast.domain.finding import Finding, block, note, review
from holdfast.domain.money import round_half_up
from holdfast.domain.pricing.context import SpotCurve
from holdfast.domain.tariff.ocpi_elements import plain_tariff
from holdfast.domain.tariff.version import (
    PRICE_DECIMALS_MAX,
    PriceComponent,
    PriceLimit,
    TariffElement,
    TariffVersion,
    TaxIncluded,
)
from holdfast.domain.tariff.wording import UNIT_WORDS, plain

ID_LENGTH_MAX = 36
NUMBER_DECIMALS = 4
"""What OCPI promises of a number (types, number): a partner may round away what is finer."""


class OcpiForm(StrEnum):
    """Which Tariff object."""

    V2_2_1 = "2.2.1"
    V2_3_0 = "2.3.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class OcpiHeader:
    """What a Tariff object has besides prices. `alt_text` is by language, the validity in UTC."""

    country_code: str
    party_id: str
    last_updated: datetime
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None
    alt_text: Mapping[str, str] = field(default_factory=dict)
    alt_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OcpiReader:
    """For whom a tariff is written: the driver's groups, the site's zone, the known market."""

    user_groups: frozenset[str] = frozenset()
    zone: str = "UTC"
    spot: Mapping[str, SpotCurve] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """`tariff` is the object, its numbers `Decimal` (`json_text` writes them); `losses` what it
    does not say."""

    tariff: dict[str, object]
    losses: tuple[Finding, ...]


ANYBODY = OcpiReader()


def render(
    version: TariffVersion,
    form: str,
    *,
    header: OcpiHeader | None = None,
    reader: OcpiReader = ANYBODY,
) -> Rendering:
    """The Tariff object of that form. Without a header it lacks the fields that name its party.

    Raises ValueError where there is no such form.
    """
    wanted = OcpiForm(form)
    plainly, losses = plain_tariff(
        version, user_groups=reader.user_groups, zone=reader.zone, spot=reader.spot
    )
    taxed = _Taxed(plainly, wanted, losses)
    data: dict[str, object] = {}
    if header is not None:
        data |= {"country_code": header.country_code, "party_id": header.party_id}
    data |= {"id": version.id, "currency": version.currency.code}
    if len(version.id) > ID_LENGTH_MAX:
        losses.append(review("id_too_long", f"the id has more than {ID_LENGTH_MAX} characters"))
    if version.type is not None:
        data["type"] = version.type.value
    if header is not None and header.alt_text:
        data["tariff_alt_text"] = [
            {"language": language, "text": text} for language, text in header.alt_text.items()
        ]
    if header is not None and header.alt_url is not None:
        data["tariff_alt_url"] = header.alt_url
    for name, limit in (("min_price", plainly.min_price), ("max_price", plainly.max_price)):
        if limit is not None and (said := taxed.limit(name, limit)):
            data[name] = said
    data["elements"] = [_element(element, taxed) for element in plainly.elements]
    if wanted is OcpiForm.V2_3_0:
        data["tax_included"] = taxed.stated().value
    if header is not None:
        data |= _validity(header)
    return Rendering(tariff=data, losses=tuple(dict.fromkeys(losses)))


def json_text(value: object) -> str:
    """JSON with its `Decimal` as plain numbers, which no encoder of ours writes by itself."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(k)}: {json_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(json_text(item) for item in value) + "]"
    return json.dumps(value)


@dataclass(slots=True)
class _Taxed:
    """How one tariff's prices stand to tax, in the words of one form."""

    tariff: TariffVersion
    form: OcpiForm
    losses: list[Finding]

    def stated(self) -> TaxIncluded:
        """2.3.0 requires it. A 2.2.1 price without a rate is one to which no VAT applies."""
        known = self.tariff.tax_included
        rates = [item.vat for item in self.tariff.components]
        if known is not None:
            return known
        if all(rate is None for rate in rates):
            return TaxIncluded.NOT_APPLICABLE
        if any(rate is None for rate in rates):
            self.losses.append(
                note(
                    "ocpi_no_vat",
                    "a price to which no VAT applies beside one with VAT reads as one at an"
                    " unknown rate",
                )
            )
        return TaxIncluded.NO

    def price(self, component: PriceComponent) -> Decimal:
        """As the form wants it; before tax in 2.2.1."""
        price = component.price
        if self.form is OcpiForm.V2_2_1 and self.tariff.tax_included is TaxIncluded.YES:
            price = self._net(component)
        if _decimals(price) > NUMBER_DECIMALS:
            self.losses.append(
                note(
                    "ocpi_fine_price",
                    f"{plain(price)} {UNIT_WORDS[component.type]} has more than {NUMBER_DECIMALS}"
                    " decimals, which a partner may round away",
                )
            )
        return price

    def _net(self, component: PriceComponent) -> Decimal:
        words = f"{plain(component.price)} {UNIT_WORDS[component.type]}"
        if component.vat is None:
            if component.price:
                self.losses.append(
                    block(
                        "ocpi_tax_unknown",
                        f"{words} includes tax at a rate that is not stated, and 2.2.1 has prices"
                        " before tax only: it would be read as one",
                    )
                )
            return component.price
        exact = Fraction(component.price) / (1 + Fraction(component.vat) / 100)
        net = Decimal(round_half_up(exact * 10**PRICE_DECIMALS_MAX)).scaleb(-PRICE_DECIMALS_MAX)
        if Fraction(net) != exact:
            self.losses.append(
                review(
                    "ocpi_net_rounded",
                    f"{words} includes tax and has no exact price before tax: {plain(net)} is said,"
                    " so a session may be off by a cent",
                )
            )
        return net

    def vat(self, component: PriceComponent) -> Decimal | None:
        """None where no tax applies, whatever the component says."""
        if self.tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
            return None
        return component.vat

    def limit(self, name: str, limit: PriceLimit) -> dict[str, object]:
        """Both forms require the amount before tax."""
        net, gross = limit.excl_vat, limit.incl_vat
        if not any(self.vat(item) for item in self.tariff.components):
            net, gross = (gross if net is None else net), (net if gross is None else gross)
        if net is None:
            self.losses.append(
                review(
                    "ocpi_limit",
                    f"{name} is stated after tax only, and OCPI requires the amount before tax:"
                    " it is left out",
                )
            )
            return {}
        names = (
            ("excl_vat", "incl_vat")
            if self.form is OcpiForm.V2_2_1
            else ("before_taxes", "after_taxes")
        )
        return {
            key: amount
            for key, amount in zip(names, (net, gross), strict=True)
            if amount is not None
        }


def _element(element: TariffElement, taxed: _Taxed) -> dict[str, object]:
    components: list[dict[str, object]] = []
    for item in element.price_components:
        said: dict[str, object] = {"type": item.type.value, "price": taxed.price(item)}
        if (vat := taxed.vat(item)) is not None:
            said["vat"] = vat
        said["step_size"] = item.step_size
        components.append(said)
    data: dict[str, object] = {"price_components": components}
    if element.restrictions is not None:
        data["restrictions"] = _restrictions(element)
    return data


def _restrictions(element: TariffElement) -> dict[str, object]:
    """As in our own form, with numbers instead of texts."""
    limits = element.restrictions
    said: dict[str, object] = {}
    for field_ in _RESTRICTIONS:
        value = getattr(limits, field_)
        if value is None or value == ():
            continue
        if isinstance(value, (int, Decimal)):
            said[field_] = value
        elif isinstance(value, tuple):
            said[field_] = [str(item) for item in value]
        elif field_.endswith("_time"):
            said[field_] = value.strftime("%H:%M")
        else:
            said[field_] = value.isoformat() if field_.endswith("_date") else str(value)
    return said


_RESTRICTIONS = (
    "start_time",
    "end_time",
    "start_date",
    "end_date",
    "min_kwh",
    "max_kwh",
    "min_current",
    "max_current",
    "min_power",
    "max_power",
    "min_duration",
    "max_duration",
    "day_of_week",
    "reservation",
)
"""Those that OCPI has, of ours."""


def _validity(header: OcpiHeader) -> dict[str, object]:
    return {
        name: _instant(at)
        for name, at in (
            ("start_date_time", header.start_date_time),
            ("end_date_time", header.end_date_time),
            ("last_updated", header.last_updated),
        )
        if at is not None
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
