"""Frames as they come from hostile networks, and what they mean by the letter of OCPP-J.

`meaning` is the oracle's own reading, by Python's `json`: it shares no line with the gateway's.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from hypothesis import strategies as st

from gateway.protocols import DIALECTS
from tests.gateway.fuzz.payloads import ODD, TRANSACTIONAL, actions, spoiled

ID_HERE = "%ID%"
ID_LENGTH_MAX = 128
ODD_IDS = ("1", "0", "x" * 128, "x" * 129, "\U0001f50c", "\x00")
ACTION_LENGTH_MAX = 64
ACTION_LIKE = ("Frobnicate", "heartbeat", "../../Authorize", "\x00", "Ünïcode", "StartTransactionX")


@dataclass(frozen=True)
class Sent:
    """A frame as it goes out. `binary` is the websocket's opcode."""

    content: bytes
    binary: bool = False

    def under(self, message_id: str) -> "Sent":
        """With its own message id, where it has a place for one."""
        return Sent(self.content.replace(ID_HERE.encode(), message_id.encode()), self.binary)


@dataclass(frozen=True)
class Meaning:
    """What a frame is: `kind` 2 (a call) or 6 (a SEND), or None for everything else."""

    kind: int | None = None
    message_id: str = ""
    action: str = ""
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Conversation:
    """What one station sends, all at once or each after the last one's answer."""

    protocol: str
    frames: list[Sent]
    at_once: bool = True


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def meaning(protocol: str, frame: bytes) -> Meaning:
    """Read a frame by RFC 8259 and the envelope of OCPP-J."""
    try:
        items = json.loads(frame.decode("utf-8", "replace"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return Meaning()
    match items:
        case [2 | 6 as kind, str(message_id), str(action), payload, *_] if (
            0 < len(message_id) <= ID_LENGTH_MAX
        ):
            if kind == 6 and protocol != "ocpp2.1":
                return Meaning()
            if payload is None and action == "Heartbeat":
                payload = {}
            if isinstance(payload, dict) and 0 < len(action) <= ACTION_LENGTH_MAX:
                # Half of a surrogate pair cannot be said again in UTF-8.
                echoed = message_id.encode("utf-8", "replace").decode()
                return Meaning(int(kind), echoed, action, payload)
    return Meaning()


def must_be_kept(protocol: str, read: Meaning) -> bool:
    """Whether it is about a transaction or a meter, which is never refused (G1)."""
    return read.action in TRANSACTIONAL[protocol]


def is_known(protocol: str, action: str) -> bool:
    return action in DIALECTS[protocol].handlers


def written(items: Any, style: int = 0) -> str:
    """As JSON, in one of the ways that stations write it."""
    match style:
        case 0:
            return json.dumps(items, separators=(",", ":"))
        case 1:
            return json.dumps(items, indent=1)
        case _:
            return json.dumps(items, ensure_ascii=False, separators=(" , ", " : "))


@st.composite
def _envelopes(draw: st.DrawFn, protocol: str) -> str:
    action = draw(actions(protocol))
    items: list[Any] = [2, ID_HERE, action, draw(spoiled(protocol, action))]
    match draw(st.integers(0, 19)):
        case 19:
            items[draw(st.sampled_from((0, 1, 3)))] = draw(ODD)
        case 18:
            items[2] = draw(st.sampled_from(ACTION_LIKE))
        case 17:
            items = items[: draw(st.integers(0, 3))]
        case 16:
            items[0] = draw(st.sampled_from((0, 1, 3, 4, 5, 6, 7, "2", 2.0, None, True)))
        case 15:
            items.append(draw(ODD))
        case 14:
            items = draw(st.sampled_from(([3, ID_HERE, {}], [4, ID_HERE, "GenericError", "", {}])))
        case 13:
            items = [draw(st.sampled_from((5, 6))), ID_HERE, *items[2:]]
        case 12:
            items[1] = draw(
                st.sampled_from(("1", "-1", "x" * 128, "x" * 129, "\U0001f50c", "\x00"))
            )
    return written(items, draw(st.integers(0, 2)))


def deep(number: int) -> bytes:
    """An array in an array: beyond what is written again (254), and beyond every parser."""
    depth = (260, 500, 3_000)[number % 3]
    return b"[" * depth + b"]" * depth


Wreck = Callable[[bytes, int, bytes], bytes]

# A frame, a place in it, and some bytes that the network adds.
WRECKS: tuple[Wreck, ...] = (
    lambda frame, at, _: frame[:at],
    lambda frame, at, noise: frame[:at] + noise + frame[at:],
    lambda frame, _, __: frame.replace(b"{", b'{"timestamp":"","timestamp":1e400,', 1),
    lambda frame, _, __: frame.decode("utf-8", "replace").encode("utf-16"),
    lambda frame, _, __: frame.decode("utf-8", "replace").encode("latin-1", "replace"),
    lambda frame, _, __: frame.replace(b"[", b"[,", 1),
    lambda frame, _, __: frame.replace(b'"', b"'"),
    lambda frame, at, _: frame.replace(b"{", b'{"deep":' + deep(at) + b",", 1),
    lambda _, at, __: (b"", b" ", b"\x00", b"null", b"[]", b"\xef\xbb\xbf[]", b"{}")[at % 7],
)


@st.composite
def frames(draw: st.DrawFn, protocol: str) -> Sent:
    """Mostly good envelopes; a sixth is damaged on its way, some have the wrong opcode."""
    content = draw(_envelopes(protocol)).encode("utf-8", "surrogatepass")
    wreck = draw(st.integers(0, 6 * len(WRECKS)))
    if wreck < len(WRECKS):
        at = draw(st.integers(0, len(content)))
        content = WRECKS[wreck](content, at, draw(st.binary(max_size=4)))
    return Sent(content, binary=draw(st.integers(0, 19)) == 19)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Of any version."""
    protocol = draw(st.sampled_from(sorted(TRANSACTIONAL)))
    sent = draw(st.lists(frames(protocol), min_size=1, max_size=8))
    return Conversation(protocol, sent, draw(st.booleans()))
