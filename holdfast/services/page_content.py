"""What the ledger says of a page: its words, and the markets that they change with."""

from typing import Any

from holdfast.domain.pricing.boundaries import boundaries_of
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.services.price_words.price_text import PriceText

FOLLOWS, ZONE = "follows", "zone"
"""The feeds of these markets, and the time zone of the place; both absent where there are none."""


def page_content(words: PriceText, tariff: CompiledTariff, zone: str) -> dict[str, Any]:
    """Of a new row, whoever writes it.

    Where the price follows markets the words are those of its first moment: with each of a market's
    prices the page says others, which `shown_words` knows.
    """
    feeds = boundaries_of(tariff.tariff, frozenset()).feeds if tariff.by_market else ()
    follows = {FOLLOWS: list(feeds), ZONE: zone} if feeds else {}
    return said_by(words) | follows


def said_by(words: PriceText) -> dict[str, Any]:
    """The words as they are kept."""
    return {
        "title": words.title,
        "lines": [line.text for line in words.lines],
        "notes": list(words.notes),
    }
