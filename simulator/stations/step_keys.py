"""What a step of a scenario may do, and the keys of each: the file's grammar as data."""

from dataclasses import dataclass
from enum import Enum

from simulator.stations.hostile import FRAMES

TIMING_KEYS = ("do", "who", "at", "after", "every", "times")


class Kind(Enum):
    """What a key holds."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    SECONDS = "duration"
    FLAG = "true or false"
    CHOICE = "choice"
    TABLE = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKey:
    """One key: its kind, limits and what holds without it."""

    kind: Kind
    is_needed: bool = False
    default: object = None
    low: float = 0
    high: float = 1_000_000
    choices: tuple[str, ...] = ()


_CONNECTOR = StepKey(kind=Kind.WHOLE, default=1, low=1, high=64)
_TOKEN = StepKey(kind=Kind.TEXT)
_TIMES = StepKey(kind=Kind.WHOLE, default=1, low=0, high=1_000)
_FOR = StepKey(kind=Kind.SECONDS, is_needed=True)
_WITHIN = StepKey(kind=Kind.SECONDS, default=30.0)
_CAR = {
    "connector": _CONNECTOR,
    "kwh": StepKey(kind=Kind.NUMBER, low=0.001, high=1_000),
    "stay": StepKey(kind=Kind.SECONDS),
}
_STATUSES = (
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
    "Reserved",
    "Unavailable",
)

STEPS: dict[str, dict[str, StepKey]] = {
    "boot": {},
    "plug": _CAR,
    "authorize": {"token": _TOKEN},
    "start": _CAR | {"token": _TOKEN},
    "charge": {
        "connector": _CONNECTOR,
        "kwh": StepKey(kind=Kind.NUMBER, low=0.001, high=1_000),
        "for": StepKey(kind=Kind.SECONDS),
    },
    "stop": {"connector": _CONNECTOR},
    "unplug": {"connector": _CONNECTOR},
    "wait": {"for": _FOR},
    "offline": {"for": _FOR},
    "disconnect": {"close_frame": StepKey(kind=Kind.FLAG, default=False)},
    "reboot": {
        "keep": StepKey(kind=Kind.FLAG, default=True),
        "boot_notification": StepKey(kind=Kind.FLAG, default=True),
    },
    "lose-power": {"for": _FOR},
    "slow-link": {
        "delay": StepKey(kind=Kind.SECONDS, default=0.0),
        "jitter": StepKey(kind=Kind.SECONDS, default=0.0),
        "bytes_per_second": StepKey(kind=Kind.NUMBER, default=0.0, high=1e9),
        "for": StepKey(kind=Kind.SECONDS),
    },
    "duplicate": {"times": _TIMES},
    "reorder": {"times": _TIMES},
    "pipeline": {"times": _TIMES},
    "drop-answers": {"times": _TIMES},
    "lose-start": {"times": _TIMES},
    "lose-stop": {"times": _TIMES},
    "hostile": {"frame": StepKey(kind=Kind.CHOICE, default="all", choices=("all", *FRAMES))},
    "clock": {
        "to": StepKey(
            kind=Kind.CHOICE, choices=("1970", "2099", "stopped", "right"), is_needed=True
        )
    },
    "meter": {
        "connector": _CONNECTOR,
        "reset": StepKey(kind=Kind.FLAG, default=False),
        "jump_kwh": StepKey(kind=Kind.NUMBER, default=0.0, low=-1_000_000, high=1_000_000),
    },
    "renew-certificate": {},
    "firmware": {"version": StepKey(kind=Kind.TEXT, is_needed=True)},
    "say": {
        "action": StepKey(kind=Kind.TEXT, is_needed=True),
        "payload": StepKey(kind=Kind.TABLE),
    },
    "expect-order": {
        "action": StepKey(kind=Kind.TEXT, is_needed=True),
        "fields": StepKey(kind=Kind.TABLE),
        "within": _WITHIN,
    },
    "expect-answer": {
        "action": StepKey(kind=Kind.TEXT, is_needed=True),
        "fields": StepKey(kind=Kind.TABLE),
        "within": _WITHIN,
    },
    "expect-refusal": {
        "action": StepKey(kind=Kind.TEXT, is_needed=True),
        "code": StepKey(kind=Kind.TEXT),
        "within": _WITHIN,
    },
    "expect-state": {
        "connector": _CONNECTOR,
        "status": StepKey(kind=Kind.CHOICE, choices=_STATUSES),
        "online": StepKey(kind=Kind.FLAG),
        "queue_empty": StepKey(kind=Kind.FLAG),
        "confirmed": StepKey(kind=Kind.FLAG),
        "answers_same": StepKey(kind=Kind.FLAG),
        "firmware": StepKey(kind=Kind.TEXT),
        "has_certificate": StepKey(kind=Kind.FLAG),
        "within": _WITHIN,
    },
}
"""By `do`. A key without a default may be left out and then changes nothing."""
