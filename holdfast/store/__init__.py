"""Tables, named queries and migrations: the record of everything."""
