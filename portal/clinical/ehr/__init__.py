"""EHR systems and their places."""
