"""What takes too long for a test: speed, and how true estimates come."""
