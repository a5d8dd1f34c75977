"""A tariff: its versions, their forms, what is unwise in one, how two differ, how it is shown."""
