"""One class per port to the outside world."""
