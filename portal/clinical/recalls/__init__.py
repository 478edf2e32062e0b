"""Recalls: where it is, who ordered it, which cases used it."""
