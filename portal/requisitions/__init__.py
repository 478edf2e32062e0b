"""Carts and requisitions: lines, checks, submit."""
