"""Browser of the portal."""
