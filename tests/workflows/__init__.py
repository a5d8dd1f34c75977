"""Workflows on the time-skipping server, with fakes under the activity names."""
