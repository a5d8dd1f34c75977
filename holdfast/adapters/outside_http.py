"""HTTP to addresses that others name (a certificate's OCSP responder): never into our own network.

The name is resolved once, every address is judged, and the connection goes to the judged address:
a name that resolves differently the second time reaches nothing. Redirects are not followed.
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import httpx

URL_LENGTH_MAX = 2_000
ANSWER_BYTES_MAX = 256 * 1024
TIMEOUT_S = 8.0
PORTS = {"http": 80, "https": 443}


class OutsideUnreachable(Exception):
    """Not asked, or not answered. `refused`: the address is not one that may be asked."""

    def __init__(self, text: str, *, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class OutsideHttp:
    """`allowed`: hosts, or host:port, that may be asked although they are private or on a port of
    their own (HOLDFAST_OUTBOUND_HOSTS)."""

    allowed: frozenset[str] = frozenset()
    timeout_s: float = TIMEOUT_S
    answer_bytes_max: int = ANSWER_BYTES_MAX

    @classmethod
    def from_setting(cls, hosts: str | None) -> "OutsideHttp":
        """`hosts`: comma separated."""
        named = (hosts or "").split(",")
        return cls(frozenset(item.strip().lower() for item in named if item.strip()))

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> bytes:
        """The body of a 200. Raises `OutsideUnreachable`."""
        return await self._ask("POST", url, content, headers)

    async def get(self, url: str) -> bytes:
        """The body of a 200. Raises `OutsideUnreachable`."""
        return await self._ask("GET", url, b"", {})

    async def _ask(
        self, method: str, url: str, content: bytes, headers: Mapping[str, str]
    ) -> bytes:
        try:
            async with asyncio.timeout(self.timeout_s):
                parts, port = _parts(url)
                address = await self._address(parts.hostname or "", port)
                return await self._send(method, parts, port, address, (content, headers))
        except TimeoutError:
            raise OutsideUnreachable("no answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise OutsideUnreachable(type(error).__name__) from error

    async def _address(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(item[4][0]).partition("%")[0] for item in found]
        if not addresses:
            raise OutsideUnreachable("the name has no address")
        if host in self.allowed or f"{host}:{port}" in self.allowed:
            return addresses[0]
        if port not in PORTS.values():
            raise OutsideUnreachable("only ports 80 and 443 are asked", refused=True)
        for address in addresses:
            judged = ip_address(address)
            if not judged.is_global or judged.is_multicast:
                raise OutsideUnreachable("the address is not a public one", refused=True)
        return addresses[0]

    async def _send(
        self,
        method: str,
        parts: SplitResult,
        port: int,
        address: str,
        body: tuple[bytes, Mapping[str, str]],
    ) -> bytes:
        content, headers = body
        host = parts.hostname or ""
        literal = f"[{address}]" if ":" in address else address
        path = parts.path or "/"
        target = f"{parts.scheme}://{literal}:{port}{path}"
        if parts.query:
            target += f"?{parts.query}"
        named = host if port == PORTS[parts.scheme] else f"{host}:{port}"
        async with (
            httpx.AsyncClient(trust_env=False, follow_redirects=False) as client,
            client.stream(
                method,
                target,
                content=content,
                headers={**headers, "Host": named},
                extensions={"sni_hostname": host},
            ) as answer,
        ):
            if answer.status_code != 200:
                raise OutsideUnreachable(f"HTTP {answer.status_code}")
            received = bytearray()
            async for part in answer.aiter_bytes():
                received += part
                if len(received) > self.answer_bytes_max:
                    raise OutsideUnreachable("the answer is too large")
            return bytes(received)


def _parts(url: str) -> tuple[SplitResult, int]:
    if len(url) > URL_LENGTH_MAX:
        raise OutsideUnreachable("the address is too long", refused=True)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutsideUnreachable("the address cannot be read", refused=True) from None
    if parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc:
        raise OutsideUnreachable("use http or https, without a user", refused=True)
    return parts, port or PORTS[parts.scheme]
