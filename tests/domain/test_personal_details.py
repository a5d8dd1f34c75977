"""Of a person, an event keeps nothing that names them."""

from typing import Any

import pytest

from holdfast.domain.personal_details import HIDDEN, kept_details

SWAP = {
    "eventType": "BatteryIn",
    "idToken": {
        "idToken": "04A1B2C3D4",
        "type": "ISO14443",
        "additionalInfo": [{"additionalIdToken": "DE8ACCB2B3C4D5", "type": "eMAID"}],
    },
    "batteryData": [{"evseId": 1, "serialNumber": "B-1", "soC": 80}],
}
COMPANY = {"name": "Ada Ltd", "address1": "Main St 1", "city": "Hof", "country": "DE"}


@pytest.mark.parametrize(
    ("kind", "details", "kept"),
    [
        (
            "customer_information",
            {"data": "Ada, 1 Main St", "seqNo": 0, "tbc": False},
            {"data": HIDDEN, "seqNo": 0, "tbc": False},
        ),
        ("vat_number", {"vatNumber": "DE123456789"}, {"vatNumber": HIDDEN}),
        (
            "settlement",
            {"vatNumber": "DE1", "vatCompany": COMPANY, "receiptUrl": "x", "settlementAmount": 5.0},
            {
                "vatNumber": HIDDEN,
                "vatCompany": HIDDEN,
                "receiptUrl": HIDDEN,
                "settlementAmount": 5.0,
            },
        ),
        (
            "battery_swap",
            SWAP,
            {
                "eventType": "BatteryIn",
                "idToken": {
                    "idToken": "****C3D4",
                    "type": "ISO14443",
                    "additionalInfo": [{"additionalIdToken": "****C4D5", "type": "eMAID"}],
                },
                "batteryData": [{"evseId": 1, "serialNumber": "B-1", "soC": 80}],
            },
        ),
        ("other", {"idToken": ["04A1B2C3D4", 5, None]}, {"idToken": ["****C3D4", "****", None]}),
        ("log", {"data": "kept"}, {"data": "kept"}),
    ],
)
def test_what_names_a_person_is_left_out(kind: str, details: Any, kept: Any) -> None:
    assert kept_details(kind, details) == kept


def test_what_is_nested_too_deep_is_left_out_whole() -> None:
    nested: Any = "04A1B2C3D4"
    for _ in range(200):
        nested = {"a": nested}

    assert "04A1B2C3D4" not in str(kept_details("any", nested))
