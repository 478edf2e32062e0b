"""Budgets and the ledger behind "available"."""
