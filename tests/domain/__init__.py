"""Pure rules, tested without anything running."""
