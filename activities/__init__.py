"""What workflows ask for; the only place where they touch the world."""
