"""Frames that no station should send, and some do: a server must keep the socket and go on."""

from collections.abc import Callable

import orjson

FRAME_BYTES_MAX = 120_000
"""Below the 128 KiB at which servers may close the socket."""

_DEEP = 2_000

FRAMES: dict[str, Callable[[str], str]] = {
    "truncated": lambda message_id: f'[2,"{message_id}","Heartbeat",{{',
    "not-json": lambda _: "hello there",
    "empty": lambda _: "",
    "null": lambda _: "null",
    "object": lambda _: '{"action":"Heartbeat"}',
    "empty-array": lambda _: "[]",
    "number-id": lambda _: '[2,7,"Heartbeat",{}]',
    "long-id": lambda message_id: f'[2,"{message_id * 10}","Heartbeat",{{}}]',
    "wrong-types": lambda message_id: (
        f'[2,"{message_id}","BootNotification",{{"chargePointVendor":7,"reason":[]}}]'
    ),
    "unknown-action": lambda message_id: f'[2,"{message_id}","MakeCoffee",{{"sugar":2}}]',
    "unknown-type": lambda message_id: f'[9,"{message_id}","Heartbeat",{{}}]',
    "null-payload": lambda message_id: f'[2,"{message_id}","Authorize",null]',
    "array-payload": lambda message_id: f'[2,"{message_id}","Authorize",[]]',
    "giant": lambda message_id: orjson.dumps(
        [2, message_id, "DataTransfer", {"vendorId": "Simulated", "data": "x" * FRAME_BYTES_MAX}]
    ).decode(),
    "deep": lambda message_id: (
        f'[2,"{message_id}","DataTransfer",{{"vendorId":"V","data":{"[" * _DEEP}{"]" * _DEEP}}}]'
    ),
    "stray-answer": lambda message_id: f'[3,"{message_id}",{{}}]',
    "stray-error": lambda message_id: f'[4,"{message_id}","GenericError","",{{}}]',
    "leading-comma": lambda message_id: f'[,2,"{message_id}","Heartbeat",{{}}]',
}
"""By name; each takes the message id to use."""
