"""Adding, removing and moving rows of the editor's form. Pure: fields and a wish in, fields out.

A wish is the value of the button that was pressed: "add-element", "remove-component 0 1".
"""

import re
from dataclasses import dataclass

from holdfast.domain.tariff.version import COMPONENTS_MAX, ELEMENTS_MAX, DimensionType
from web.dashboard.tariff_form import ALLOWANCES_MAX, ElementFields, TariffFields, Texts

_WISH = re.compile(r"([a-z-]{1,30})((?: \d{1,3}){0,2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """`focus` is the name of the field or button to go on with; `said` what happened."""

    said: str
    focus: str


def change_rows(fields: TariffFields, wish: str) -> Changed | None:
    """Do it, in place. None where the wish is unknown or its row is not there."""
    match = _WISH.fullmatch(wish)
    if match is None:
        return None
    verb, places = match[1], [int(number) for number in match[2].split()]
    if verb == "add-element" and not places:
        return _add_element(fields)
    if verb == "add-allowance" and not places:
        return _add_allowance(fields)
    if verb == "remove-allowance" and len(places) == 1 and places[0] < len(fields.allowances):
        del fields.allowances[places[0]]
        return Changed(said="The allowance was removed.", focus="add-allowance")
    if not places or places[0] >= len(fields.elements):
        return None
    return _change_element(fields, verb, places)


def _change_element(fields: TariffFields, verb: str, places: list[int]) -> Changed | None:
    index, element = places[0], fields.elements[places[0]]
    if verb == "remove-element":
        del fields.elements[index]
        return Changed(said=f"Element {index + 1} was removed.", focus="add-element")
    if verb in ("raise-element", "lower-element"):
        return _move(fields, index, -1 if verb == "raise-element" else 1)
    if verb == "copy-element" and len(fields.elements) < ELEMENTS_MAX:
        copy = ElementFields(
            components=[dict(row) for row in element.components],
            restrictions=dict(element.restrictions),
            days=list(element.days),
            groups=list(element.groups),
        )
        fields.elements.insert(index + 1, copy)
        return Changed(said=f"Element {index + 1} was copied.", focus=_price_name(index + 1, 0))
    if verb == "add-component" and len(element.components) < COMPONENTS_MAX:
        element.components.append(_next_component(element))
        return Changed(
            said="A price was added.", focus=_price_name(index, len(element.components) - 1)
        )
    if verb == "remove-component" and len(places) == 2 and places[1] < len(element.components):
        del element.components[places[1]]
        return Changed(said="The price was removed.", focus=f"add-component {index}")
    return None


def _add_element(fields: TariffFields) -> Changed | None:
    if len(fields.elements) >= ELEMENTS_MAX:
        return Changed(said=f"A tariff has at most {ELEMENTS_MAX} elements.", focus="add-element")
    vat = next((row.get("vat", "") for item in fields.elements for row in item.components), "")
    first: Texts = {"type": DimensionType.ENERGY.value, "vat": vat}
    fields.elements.append(ElementFields(components=[first]))
    number = len(fields.elements)
    return Changed(said=f"Element {number} was added.", focus=_price_name(number - 1, 0))


def _add_allowance(fields: TariffFields) -> Changed:
    if len(fields.allowances) >= ALLOWANCES_MAX:
        said = f"A tariff has at most {ALLOWANCES_MAX} allowances."
        return Changed(said=said, focus="add-allowance")
    fields.allowances.append({"type": DimensionType.ENERGY.value, "per": "session"})
    focus = f"allowances.{len(fields.allowances) - 1}.quantity"
    return Changed(said="An allowance was added.", focus=focus)


def _move(fields: TariffFields, index: int, by: int) -> Changed | None:
    there = index + by
    if not 0 <= there < len(fields.elements):
        return None
    rows = fields.elements
    rows[index], rows[there] = rows[there], rows[index]
    verb = "raise-element" if by < 0 else "lower-element"
    at_edge = there in (0, len(rows) - 1)
    if at_edge:
        verb = "lower-element" if there == 0 else "raise-element"
    return Changed(said=f"Element {index + 1} is now {there + 1}.", focus=f"{verb} {there}")


def _next_component(element: ElementFields) -> Texts:
    """Of the first kind that the element does not price yet, with the tax of the others."""
    taken = {row.get("type") for row in element.components}
    kind = next((kind for kind in DimensionType if kind.value not in taken), DimensionType.ENERGY)
    vat = element.components[-1].get("vat", "") if element.components else ""
    return {"type": kind.value, "vat": vat}


def _price_name(index: int, number: int) -> str:
    return f"elements.{index}.price_components.{number}.price"
