"""How bytes travel where it is not HTTP."""
