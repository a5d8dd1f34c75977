"""Independent witnesses: programs that speak to Holdfast over the wire and import nothing of it."""
