"""Procurement networks behind one contract."""
