"""What a new tariff can begin with. Prices are a start to type over, not a recommendation."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffTemplate:
    """`body` without id and currency."""

    key: str
    name: str
    about: str
    body: Mapping[str, Any]


def _component(kind: str, price: str, vat: str = "19") -> dict[str, str | int]:
    return {"type": kind, "price": price, "vat": vat, "step_size": 1}


def _always(*components: Mapping[str, Any]) -> dict[str, Any]:
    return {"price_components": list(components)}


FEED = "DE-LU"
GROUP = "members"
"""What templates name of an organization's own; `fitted` puts in what it has."""

_ENERGY = _component("ENERGY", "0.45")
_IDLE = _component("PARKING_TIME", "6.00")

TEMPLATES: Final = (
    TariffTemplate(
        key="plain",
        name="Price per kWh",
        about="One price for energy, at any time.",
        body={"elements": [_always(_ENERGY)]},
    ),
    TariffTemplate(
        key="idle",
        name="Price per kWh and an idle fee",
        about="Energy, and parking time once the car has been full for half an hour.",
        body={"idle_grace_s": 1_800, "elements": [_always(_ENERGY, _IDLE)]},
    ),
    TariffTemplate(
        key="day-night",
        name="Day and night",
        about="A lower price from 22:00 to 06:00 of the site's clock.",
        body={
            "elements": [
                {
                    "price_components": [_component("ENERGY", "0.35")],
                    "restrictions": {"start_time": "22:00", "end_time": "06:00"},
                },
                _always(_ENERGY),
            ]
        },
    ),
    TariffTemplate(
        key="ad-hoc",
        name="Ad hoc, 50 kW and above",
        about="What European law (AFIR) allows there: energy, and an occupancy fee by time.",
        body={
            "type": "AD_HOC_PAYMENT",
            "idle_grace_s": 900,
            "elements": [_always(_component("ENERGY", "0.59"), _IDLE)],
        },
    ),
    TariffTemplate(
        key="spot",
        name="Market price by the hour",
        about="What the market says, plus a markup, between a floor and a ceiling.",
        body={
            "elements": [
                _always(
                    _component("ENERGY", "0.15")
                    | {
                        "spot": {
                            "feed": FEED,
                            "fallback": "0.12",
                            "factor": "1",
                            "floor": "0.15",
                            "ceiling": "0.90",
                        }
                    }
                )
            ]
        },
    ),
    TariffTemplate(
        key="members",
        name="Free for a group",
        about="Energy for nothing for the members of a user group, at a price for all others.",
        body={
            "elements": [
                {
                    "price_components": [_component("ENERGY", "0")],
                    "restrictions": {"user_groups": [GROUP]},
                },
                _always(_ENERGY),
            ]
        },
    ),
    TariffTemplate(
        key="empty",
        name="Empty",
        about="Nothing but an element to fill in.",
        body={"elements": [_always(_component("ENERGY", "0", "19"))]},
    ),
)
BY_KEY: Final = {template.key: template for template in TEMPLATES}


def fitted(
    template: TariffTemplate, *, feeds: Sequence[str] = (), groups: Sequence[str] = ()
) -> dict[str, Any]:
    """The body with the first of an organization's market feeds and user groups, by their keys,
    where it has none of the name that the template says."""
    body: dict[str, Any] = copy.deepcopy(dict(template.body))
    for element in body["elements"]:
        when = element.get("restrictions", {})
        if groups and "user_groups" in when and GROUP not in groups:
            when["user_groups"] = [groups[0]]
        for component in element["price_components"]:
            if feeds and "spot" in component and FEED not in feeds:
                component["spot"]["feed"] = feeds[0]
    return body
