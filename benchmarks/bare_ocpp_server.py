"""The peer of the gateway benchmark: the `ocpp` package on websockets, its own validation, no
storage. Run as a process: `python -m benchmarks.bare_ocpp_server PORT`."""

import asyncio
import sys
from typing import Any

import uvloop
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol


class BarePoint(ChargePoint):  # type: ignore[misc]  # the package has no types
    """Answers, and keeps nothing."""

    @on("StartTransaction")  # type: ignore[untyped-decorator]
    def on_start(self, **_: Any) -> Any:
        """Every transaction is number one."""
        return call_result.StartTransaction(transaction_id=1, id_tag_info={"status": "Accepted"})

    @on("MeterValues")  # type: ignore[untyped-decorator]
    def on_meter(self, **_: Any) -> Any:
        """Validated by the package before it gets here."""
        return call_result.MeterValues()


async def handle(socket: ServerConnection) -> None:
    """One station."""
    assert socket.request is not None
    point = BarePoint(socket.request.path.rsplit("/", 1)[-1], socket)
    try:
        await point.start()
    except ConnectionClosed:
        return


async def main(port: int) -> None:
    """Serve until ended."""
    protocols = [Subprotocol("ocpp1.6")]
    async with serve(handle, "127.0.0.1", port, subprotocols=protocols, compression=None):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
