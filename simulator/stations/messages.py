"""OCPP-J envelopes and what can go wrong with a call. Source: OCPP-J 1.6, 2.0.1 and 2.1 part 4."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

CALL = 2
CALL_RESULT = 3
CALL_ERROR = 4
CALL_RESULT_ERROR = 5
SEND = 6
"""The last two are 2.1's: an answer that could not be used, and a message without an answer."""


@dataclass(frozen=True, slots=True)
class Message:
    """A call before it has a message id."""

    action: str
    payload: Json


@dataclass(frozen=True, slots=True)
class Answer:
    """What a station answers to a call, and what it does once the answer is on the wire."""

    payload: Json
    then: Callable[[], object] | None = None


class CallFailed(Exception):
    """A call of ours got no usable answer."""


class CallRefused(CallFailed):
    """The other side answered CALLERROR."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.description = description


class CallTimedOut(CallFailed):
    """Nobody answered in time. Whether the message arrived is unknown."""


class ConnectionGone(CallFailed):
    """The socket went away before the answer came."""


class NotImplementedHere(Exception):
    """The station does not know this action: CALLERROR NotImplemented."""


class PayloadWrong(Exception):
    """The call lacks something: CALLERROR FormationViolation (1.6) or FormatViolation (2.0.1)."""
