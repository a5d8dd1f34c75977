"""The workers process on real Postgres, a real Temporal server and the Stripe simulator."""
