"""A simulated fleet of charging stations: independent witnesses that speak OCPP 1.6J and 2.0.1.
It imports nothing of ours, and its own registers are the truth that a system is compared with."""
