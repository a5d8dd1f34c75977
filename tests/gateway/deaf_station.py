"""A station that sends and never reads: a bare socket, since every library reads on its own."""

import asyncio
import base64
import os
import socket
import struct
from typing import Self

STUCK_S = 1.0


class DeafStation:
    """The other side's buffers fill, and nobody empties them."""

    def __init__(self, socket_: socket.socket) -> None:
        self._socket = socket_

    @classmethod
    async def open(cls, port: int, identity: str) -> Self:
        """Through the upgrade, with the smallest buffers that there are."""
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        plain.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(plain, ("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        await loop.sock_sendall(
            plain,
            (
                f"GET /ocpp/{identity} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
            ).encode(),
        )
        head = await loop.sock_recv(plain, 2048)
        assert b" 101 " in head, head
        return cls(plain)

    async def send_until_stuck(self, text: str, most: int = 200_000) -> int:
        """Frames until none was taken for a second; how many were."""
        payload = text.encode()
        mask = b"\x00\x00\x00\x00"  # masked with nothing: as good as any mask
        frame = b"\x81" + struct.pack("!BH", 0x80 | 126, len(payload)) + mask + payload
        loop = asyncio.get_running_loop()
        for sent in range(most):
            try:
                async with asyncio.timeout(STUCK_S):
                    await loop.sock_sendall(self._socket, frame)
            except TimeoutError:
                return sent
        raise AssertionError(f"all {most} frames were taken")

    def close(self) -> None:
        """Without a goodbye."""
        self._socket.close()
