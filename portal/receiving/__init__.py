"""Receipts of goods."""
