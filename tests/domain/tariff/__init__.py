"""Tariffs: forms, lint, differences, words."""
