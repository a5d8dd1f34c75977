"""OCPP 2.1: what it says otherwise than 2.0.1, and what it adds."""
