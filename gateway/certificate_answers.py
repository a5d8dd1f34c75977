"""What questions about certificates find out, as handlers are told it in `Outcome.details`."""

from dataclasses import dataclass
from datetime import datetime

# Keys of Outcome.details.
CERTIFICATE_STATUS = "certificate_status"
STATUSES = "statuses"
EXI_RESPONSE = "exi_response"
REMAINING = "remaining"
REASON = "reason"
REASON_TEXT = "reason_text"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFound:
    """Of one certificate: good, revoked, unknown, or failed where nobody could be asked."""

    status: str
    der: bytes | None = None  # the signed answer; None of a CRL
    next_update: datetime | None = None
    text: str | None = None
    cancelled: bool = False  # our own contract, ended while its certificate was good
    emaid: str | None = None  # of our own contract
