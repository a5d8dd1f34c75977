"""What a person must look at: a search attribute, the details in the UI, and the row."""

from collections.abc import Awaitable, Callable

from temporalio import workflow

from holdfast.contracts.names import ATTENTION

Write = Callable[[str | None], Awaitable[None]]


class Attention:
    """One reason at a time. Each change is an upsert and one activity that writes the row."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self.reason: str | None = None

    async def ask(self, reason: str) -> None:
        """Raise it; the same reason again changes nothing."""
        if self.reason == reason:
            return
        self.reason = reason
        workflow.upsert_search_attributes([ATTENTION.value_set(reason[:200])])
        await self._write(reason)

    async def clear(self, *, row: bool = True) -> None:
        """Take it back. `row` is false where the next activity clears the row anyway."""
        if self.reason is None:
            return
        self.reason = None
        workflow.upsert_search_attributes([ATTENTION.value_unset()])
        if row:
            await self._write(None)
