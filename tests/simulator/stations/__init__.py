"""The simulated fleet against a small back office that knows nothing of it but the protocols."""
