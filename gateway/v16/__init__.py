"""OCPP 1.6J: a module per functional block, frame in, fact out."""
