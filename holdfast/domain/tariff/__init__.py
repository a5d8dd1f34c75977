"""A tariff. `version` is its value, `form` reads it and `canonical` writes it; `ocpi`, `california`
and `station_tariff` say it to partners and stations, `foreign` reads a partner's. `lint` says what
is unwise in one, `diff` how two differ, `display` what a driver is shown of it.
"""
