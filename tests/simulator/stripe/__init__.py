"""Tests of the Stripe-speaking server, all through the official SDK over a socket."""
