"""What is odd about the periods of a session: reported, and priced all the same.

A thousand periods with the same trouble are one finding: the first of them, and how many more.
"""

from dataclasses import dataclass, field

from holdfast.domain.finding import Finding, Severity, note
from holdfast.domain.tariff.version import DimensionType, SpotPrice

_SECOND_US = 1_000_000


@dataclass(slots=True)
class _Trouble:
    """One kind of finding: its first detail, and how often it was met."""

    detail: str
    severity: Severity
    times: int = 1


@dataclass(slots=True)
class Oddities:
    """The findings of a session, gathered by code."""

    _troubles: dict[str, _Trouble] = field(default_factory=dict)
    _free: dict[tuple[DimensionType, bool], int] = field(default_factory=dict)

    def add(self, code: str, detail: str, severity: Severity = Severity.REVIEW) -> None:
        """One more; only the first detail of a code is kept."""
        known = self._troubles.get(code)
        if known is None:
            self._troubles[code] = _Trouble(detail, severity)
        else:
            known.times += 1

    def free(self, kind: DimensionType, quantity: int, *, reservation: bool) -> None:
        """So much matched no price."""
        key = kind, reservation
        self._free[key] = self._free.get(key, 0) + quantity

    def gave_back(self, number: int) -> None:
        """The car gave more energy than it took."""
        detail = f"in period {number} the car gave energy back, which has no price"
        self.add("energy_negative", detail)

    def spot_missing(self, number: int, spot: SpotPrice) -> None:
        """The market's price is not known, and a stand-in was used."""
        self.add(
            "spot_missing",
            f"{spot.feed} has no price as period {number} starts: {spot.fallback} stands for it",
        )

    def check_order(self, number: int, used_us: int, gone_us: int) -> None:
        """Period `number` starts `gone_us` after the one ahead, of which `used_us` are known.

        A second of slack, since seconds are rounded; one that gives no times says nothing of its
        length.
        """
        gap_us = gone_us - used_us
        if -_SECOND_US <= gap_us <= _SECOND_US and gone_us >= 0:
            return
        if gone_us < 0:
            self.add("period_out_of_order", f"period {number} starts before the one ahead of it")
        elif gap_us < 0:
            detail = f"period {number} starts {-gap_us // _SECOND_US} s before the one ahead of it"
            self.add("periods_overlap", f"{detail} is over")
        elif used_us:
            detail = f"{gap_us // _SECOND_US} s before period {number} belong to no period"
            self.add("periods_gap", detail, Severity.NOTE)

    def findings(self) -> list[Finding]:
        """One per code, in the order in which they were met; then what was free."""
        found = []
        for code, trouble in self._troubles.items():
            detail = trouble.detail
            if trouble.times > 1:
                detail += f" ({trouble.times - 1} more likewise)"
            found.append(Finding(code=code, detail=detail, severity=trouble.severity))
        for (kind, reservation), quantity in self._free.items():
            unit = "mWh" if kind is DimensionType.ENERGY else "s"
            what = f"reserved {kind}" if reservation else str(kind)
            found.append(note("free", f"{quantity} {unit} of {what} matched no price"))
        return found
