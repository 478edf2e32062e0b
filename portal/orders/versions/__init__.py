"""Versions of a purchase order: what was changed, by whom, why, and what each partner said."""
