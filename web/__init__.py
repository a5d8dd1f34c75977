"""Pages for people: the operator's dashboard and its live stream."""
