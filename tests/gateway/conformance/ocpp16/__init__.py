"""Requirements of OCPP 1.6 and its security whitepaper."""
