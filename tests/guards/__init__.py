"""Guards of the portal."""
