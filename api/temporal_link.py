"""The API's line to Temporal: best effort only. What must happen is in the outbox already."""

import asyncio

import structlog
from temporalio.client import Client
from temporalio.converter import PayloadCodec
from temporalio.exceptions import TemporalError, WorkflowAlreadyStartedError
from temporalio.service import RPCError

from holdfast.adapters.temporal import connect_for_ever, start_workflow
from holdfast.contracts.message import Message
from holdfast.settings import Settings

START_TIMEOUT_S = 2.0

log = structlog.get_logger()


class TemporalLink:
    """Connects in the background, for ever. `client` is None until Temporal has answered once."""

    def __init__(self, client: Client | None = None, codec: PayloadCodec | None = None) -> None:
        self.client = client
        self._codec = codec

    async def run(self, settings: Settings) -> None:
        """Connect; the client itself reconnects afterwards."""
        if self.client is None:
            self.client = await connect_for_ever(settings, identity="api", codec=self._codec)
            log.info("connected to temporal", address=settings.temporal_address)

    async def try_start(self, workflow: str, workflow_id: str, message: Message) -> bool:
        """Start now what the relay would start in a moment. Never an error; says if it did.

        The id is the same, so that of the two only one starts it.
        """
        if self.client is None:
            return False
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await start_workflow(self.client, workflow, workflow_id, message)
        except WorkflowAlreadyStartedError:
            return True
        except (RPCError, TemporalError, TimeoutError, OSError, RuntimeError) as error:
            log.info("left to the relay", workflow=workflow_id, kind=type(error).__name__)
            return False
        return True
