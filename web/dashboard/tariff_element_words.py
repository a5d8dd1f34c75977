"""Each element of a draft in one line: what it prices and when. Pure."""

from collections.abc import Mapping

from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.domain.tariff.wording import (
    KIND_WORDS,
    component_words,
    listed,
    restriction_words,
)

SHARED = ("holiday_calendar", "holidays", "tax_included", "type")
UNREADABLE = "Cannot be read yet"


def element_words(body: Mapping[str, object] | None, currency: str) -> tuple[str, ...]:
    """A line per element of a body as typed; one with a mistake says that it has one, and spoils no
    other's."""
    elements = (body or {}).get("elements")
    if body is None or not isinstance(elements, list):
        return ()
    shared = {name: body[name] for name in SHARED if name in body}
    return tuple(_words(shared | {"elements": [element]}, currency) for element in elements)


def _words(body: Mapping[str, object], currency: str) -> str:
    try:
        tariff = tariff_from_json({**body, "id": "draft", "currency": currency})
    except (TariffInvalid, ValueError):
        return UNREADABLE
    (element,) = tariff.elements
    prices = [
        f"{KIND_WORDS[one.type]} {component_words(one, tariff.currency)}"
        for one in element.price_components
    ]
    text = listed(prices) + ", " + restriction_words(element.restrictions)
    return text[:1].upper() + text[1:]
