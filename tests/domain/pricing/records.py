"""CDRs to read, and what comes of them."""

import json
from fractions import Fraction
from typing import Any

from holdfast.domain.finding import Severity
from holdfast.domain.pricing.cdr import price_record, session_costs
from holdfast.domain.pricing.record import Record


def cheap(id_: str, price: object, **more: object) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": price, "step_size": 1}
    return {"id": id_, "currency": "EUR", "elements": [{"price_components": [component]}], **more}


RECORD: dict[str, Any] = {
    "time_zone": "Europe/Berlin",
    "tariff": cheap("T1", 0.5),
    "cdr": {
        "start_date_time": "2026-03-04T12:00:00Z",
        "end_date_time": "2026-03-04T13:00:00Z",
        "charging_periods": [
            {
                "start_date_time": "2026-03-04T12:00:00Z",
                "dimensions": [{"type": "ENERGY", "volume": 8}, {"type": "TIME", "volume": 0.6667}],
            },
            {
                "start_date_time": "2026-03-04T12:40:00Z",
                "dimensions": [{"type": "PARKING_TIME", "volume": 0.3333}],
            },
        ],
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(RECORD))
    place: Any = data
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in steps:
        place = place[step]
    place[last] = value
    return data


def total(record: Record) -> Fraction | None:
    priced = price_record(record)
    return None if priced is None else session_costs(record, priced)["total_cost"][1]


def found(record: Record) -> dict[str, Severity]:
    return {item.code: item.severity for item in record.findings}
