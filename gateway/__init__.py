"""The OCPP server: frames in, facts and answers out. Nothing is answered before it is stored."""
