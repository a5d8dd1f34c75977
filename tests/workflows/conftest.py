"""A test whose time-skipping server broke is run again.

That server refuses a workflow task that cancels a timer which fired meanwhile, and then forgets
the task: the workflow stands still for ever (temporalio/sdk-java, issues 2606 and 3088). The real
server has no such fault. It says so in a line of its own; only a failure with that line counts.
"""

from collections.abc import Sequence

import pytest
from _pytest.runner import runtestprotocol

FAULT = "invalid history builder state for action"
TRIES = 3


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Of tests on the time-skipping server; all others go the usual way."""
    if "time_skipping" not in getattr(item, "fixturenames", ()):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for left in reversed(range(TRIES)):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if not left or not server_broke(reports):
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def server_broke(reports: Sequence[pytest.TestReport]) -> bool:
    """Whether the test failed, and the server said its line meanwhile."""
    return any(report.failed for report in reports) and any(
        FAULT in said for report in reports for _, said in report.sections
    )
