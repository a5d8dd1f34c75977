"""Property tests on machines of any speed."""

from hypothesis import settings

# No deadline: a shared machine may take long over one example, and that is no fault of a rule.
settings.register_profile("holdfast", deadline=None)
settings.load_profile("holdfast")
