"""A server that speaks Stripe's HTTP API, for demos and tests: an independent witness of payments.

It knows the API only from Stripe's documents and imports nothing of the rest of this repository.
"""
