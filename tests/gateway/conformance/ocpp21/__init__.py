"""Requirements of OCPP 2.1."""
