"""Prices in the reader's language: one renderer for pages, displays of stations and receipts."""
