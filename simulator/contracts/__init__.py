"""An independent contract provider for ISO 15118: a certificate authority with two levels below
its root, an OCSP responder, a revocation list, and answers to cars that ask for a contract."""
