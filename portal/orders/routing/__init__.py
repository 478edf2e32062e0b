"""Routes: which partners get the orders of a supplier."""
