"""Expected refusals as Temporal hears them: typed, and final, for repeating mends none of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.exceptions import ApplicationError


@asynccontextmanager
async def final(*expected: type[Exception]) -> AsyncIterator[None]:
    """What comes out as one of these becomes an `ApplicationError` of its name, never tried again.

    Entered before the transaction, so that what its commit raises is translated too.
    """
    try:
        yield
    except expected as error:
        raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error
