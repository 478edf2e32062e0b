"""The rulebook: how strict each check is, where, and since when."""
