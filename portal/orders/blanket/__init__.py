"""Blanket orders: an amount agreed with a supplier that orders call off until it is used up."""
