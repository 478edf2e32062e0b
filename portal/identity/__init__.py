"""Organizations, people, roles, sign-in and sessions."""
