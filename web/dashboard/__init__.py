"""The operator's dashboard, a module per page."""
