"""Property tests on machines of any speed.

The same examples every time, so that a change is judged by what it changed; `HOLDFAST_PRICING`
`=thorough` looks at others.
"""

import os

from hypothesis import settings

# No deadline: a shared machine may take long over one example, and that is no fault of a rule.
settings.register_profile(
    "holdfast", deadline=None, derandomize=os.environ.get("HOLDFAST_PRICING") != "thorough"
)
settings.load_profile("holdfast")
