"""Tests of the independent witnesses."""
