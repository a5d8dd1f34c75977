"""The real servers that `up` and the tests run as their own children: Postgres and Temporal."""
