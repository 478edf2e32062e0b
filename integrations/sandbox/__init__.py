"""Partners that run here as real servers speaking the real wire formats."""
