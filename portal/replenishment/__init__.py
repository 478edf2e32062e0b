"""From par levels to suggested requisitions."""
