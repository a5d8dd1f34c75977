"""The peer of the orders benchmark: a workflow of one activity on another queue."""

import time
from datetime import timedelta

from temporalio import activity, workflow

GATEWAY = "bare-gateway"


@activity.defn(name="bare.begin")
async def begin() -> float:
    """When it began, in seconds of the machine's clock."""
    return time.time()


@workflow.defn(name="BareOrder")
class BareOrder:
    """One activity elsewhere."""

    @workflow.run
    async def run(self) -> float:
        """When the activity began."""
        return await workflow.execute_activity(
            begin,
            task_queue=GATEWAY,
            schedule_to_start_timeout=timedelta(seconds=10),
            start_to_close_timeout=timedelta(seconds=10),
        )
