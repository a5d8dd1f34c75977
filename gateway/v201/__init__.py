"""OCPP 2.0.1: a module per functional block, frame in, fact out."""
