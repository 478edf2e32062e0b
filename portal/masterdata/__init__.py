"""Facilities, locations, cost centers, suppliers, items, contracts and the crosswalk."""
