"""Who looked at which patient."""
