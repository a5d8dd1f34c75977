"""What providers send us: stored once, then looked at again."""
