"""Asking for an effect: every activity is retried until it worked or says that it never will."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from holdfast.contracts.message import Message

Order = TypeVar("Order", bound=Message)
Result = TypeVar("Result")

# Without maximum_attempts: what failed by accident is tried until it works, and on-call sees the
# attempts under "pending activities". What can never work is a non-retryable ApplicationError.
RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
)
STEP_TIMEOUT = timedelta(seconds=30)


class Refused(Exception):
    """The activity said that repeating will not help. `type` is the error's type."""

    def __init__(self, error: ApplicationError) -> None:
        super().__init__(error.message)
        self.type = error.type or "Refused"
        self.message = error.message


async def step(
    declaration: Callable[[Order], Awaitable[Result]],
    order: Order,
    *,
    summary: str,
    within: timedelta = STEP_TIMEOUT,
    heartbeat: timedelta | None = None,
) -> Result:
    """Run an activity on the workflow's own queue. Raises `Refused`.

    `heartbeat`: a worker that is silent for so long has died; None: only `within` counts.
    """
    try:
        return await workflow.execute_activity(
            declaration,
            order,
            start_to_close_timeout=within,
            heartbeat_timeout=heartbeat,
            retry_policy=RETRY,
            summary=summary,
        )
    except ActivityError as error:
        if isinstance(error.cause, ApplicationError) and error.cause.non_retryable:
            raise Refused(error.cause) from error
        raise
