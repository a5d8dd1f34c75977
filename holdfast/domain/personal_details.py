"""What of a station's report is about a person, and how much of it an event keeps. Pure.

Events are read by everyone who may see a station, and kept for long. The message itself is in the
message log, which needs a permission of its own and is dropped sooner.
"""

from collections.abc import Mapping
from typing import Any

from holdfast.domain.token import mask_uid

HIDDEN = "(in the message log)"
# OCPP 2.0.1 N09 (what a station keeps of a customer), 2.1 C18 (whose VAT number it is) and payments
# at the station (the receipt): by the event's kind, the fields of which nothing stays.
HIDDEN_FIELDS: Mapping[str, frozenset[str]] = {
    "customer_information": frozenset({"data"}),
    "vat_number": frozenset({"vatNumber", "company"}),
    "settlement": frozenset({"vatNumber", "vatCompany", "receiptUrl", "receiptId"}),
}
# IdTokenType and AdditionalInfoType, wherever they are (battery swap, ISO 15118).
TOKEN_FIELDS = frozenset({"idToken", "additionalIdToken"})
DEPTH_MAX = 20


def kept_details(kind: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """The details of an event without what is about a person; tokens by their last characters."""
    hidden = HIDDEN_FIELDS.get(kind, frozenset())
    return {
        name: HIDDEN if name in hidden else _masked(name, value, DEPTH_MAX)
        for name, value in details.items()
    }


def _masked(name: str, found: Any, depth: int) -> Any:
    if depth == 0:
        return HIDDEN
    if isinstance(found, dict):
        return {inner: _masked(inner, value, depth - 1) for inner, value in found.items()}
    if isinstance(found, list):
        return [_masked(name, value, depth - 1) for value in found]
    if name in TOKEN_FIELDS and found is not None:
        return mask_uid(str(found))
    return found
