"""A session as the writer holds it between loading and saving: what the station reported."""

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

FINDINGS_MAX = 50


@dataclass(slots=True, eq=False)
class SessionRow:
    """Columns of `sessions` that the writer reads or writes. `metered` says that the register or
    the time of the last sign of life moved, `changed` that anything else did."""

    id: UUID
    organization_id: UUID
    station_id: UUID
    created_at: datetime
    evse: int
    site_id: UUID | None = None
    connector: int | None = None
    token_id: UUID | None = None
    token_uid: str | None = None
    token_type: str | None = None
    account_id: UUID | None = None
    remote_start_number: int | None = None
    authorization: str | None = None
    transaction_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    stop_reason: str | None = None
    charging_state: str | None = None
    charging_state_at: datetime | None = None
    meter_start_mwh: int | None = None
    meter_last_mwh: int | None = None
    meter_last_at: datetime | None = None
    meter_stop_mwh: int | None = None
    meter_offset_mwh: int = 0
    energy_wh: int = 0
    last_seen_at: datetime | None = None
    sequence_last: int | None = None
    sequence_gaps: int = 0
    reported_offline: bool = False
    signals_sent: int = 0
    findings: list[Any] = field(default_factory=list)
    # read only, but for fired_version, which is claimed by whoever fires the tripwire
    tripwire_version: int = 0
    fired_version: int = 0
    energy_threshold_mwh: int | None = None
    ended_by_us_at: datetime | None = None
    closed_at: datetime | None = None
    settled: bool = False
    # of this batch
    new: bool = False
    changed: bool = False
    metered: bool = False

    @property
    def running(self) -> bool:
        """Reported started and not ended by anyone."""
        return (
            self.transaction_id is not None
            and self.ended_at is None
            and self.ended_by_us_at is None
            and self.closed_at is None
        )

    def find(self, code: str, detail: str, severity: str = "review") -> None:
        """Note something that a person may want to know, once per code."""
        if len(self.findings) < FINDINGS_MAX and not self.found(code):
            self.findings = [
                *self.findings,
                {"code": code, "severity": severity, "detail": detail},
            ]
            self.changed = True

    def found(self, code: str) -> bool:
        """Whether this was noted."""
        return any(item.get("code") == code for item in self.findings)

    def withdraw(self, code: str) -> None:
        """It no longer holds: what was missing came late."""
        if self.found(code):
            self.findings = [item for item in self.findings if item.get("code") != code]
            self.changed = True


def new_id(at: datetime) -> UUID:
    """A UUID version 7 (RFC 9562 section 5.7), as Postgres would make it."""
    milliseconds = int(at.timestamp() * 1000) & (2**48 - 1)
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return UUID(int=value)
