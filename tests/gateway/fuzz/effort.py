"""How hard a test tries: a fixed set of examples in CI, many more and new ones on request.

`HOLDFAST_FUZZ=thorough pytest --timeout=3000 tests/gateway/fuzz` runs thirty times as many, each
time others. The gateway under test keeps time itself, so Hypothesis' deadline is off.
"""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings

THOROUGH = os.environ.get("HOLDFAST_FUZZ") == "thorough"
TIMES = 30


def effort(examples: int) -> Callable[[Any], Any]:
    """Hypothesis' settings for a test that runs so many examples in CI."""
    return settings(
        max_examples=examples * TIMES if THOROUGH else examples,
        derandomize=not THOROUGH,
        database=None,
        deadline=None,
        print_blob=True,
        # A silent gateway is waited for: shrinking would take minutes, and examples are small.
        phases=[Phase.explicit, Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
