"""`python -m tests.workflows.record_histories [name…]`: record histories that do not exist yet.

A recorded history is never recorded again: it stands for the workflows that are running now. A
change that cannot replay it must keep the old way beside the new one. Names that are given are
recorded under today's date, as one more case.
"""

import asyncio
import json
import sys
import sysconfig
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from holdfast.adapters.temporal import data_converter
from holdfast.contracts.names import ATTENTION, PAYMENT_STATE, SESSION_STATE
from tests.workflows.scenarios import SCENARIOS

HISTORIES = Path(__file__).parent / "histories"
IDENTITY = "worker"  # not the machine's name, nor a process id


def without_paths(history: str) -> str:
    """Stack traces name folders of the machine; a replay does not read them."""
    return json.dumps(json.loads(history, object_hook=_without_stack), indent=1) + "\n"


def _without_stack(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key != "stackTrace"}


async def add_search_attributes(client: Client) -> None:
    """Those that workflows set; the test server knows none at first."""
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    names_set = (ATTENTION.name, PAYMENT_STATE.name, SESSION_STATE.name)
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace, search_attributes=dict.fromkeys(names_set, keyword)
        )
    )


async def record(names: list[str]) -> None:
    """Run the scenarios and write what is missing."""
    program = Path(sysconfig.get_path("scripts")) / "temporal-test-server"
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(program), data_converter=data_converter(), identity=IDENTITY
    ) as environment:
        await add_search_attributes(environment.client)
        for name, scenario in SCENARIOS.items():
            suffix = f"-{datetime.now(UTC):%Y%m%d}" if name in names else ""
            path = HISTORIES / f"{name}{suffix}.json"
            if path.exists():
                continue
            path.write_text(without_paths(await scenario(environment)))
            print(f"recorded {path.name}")
    await asyncio.sleep(0.25)


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:]))
