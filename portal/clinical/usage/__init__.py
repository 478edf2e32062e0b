"""Supplies used in a case and all that follows from it."""
