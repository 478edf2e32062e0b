"""Preference cards of procedures and favorites of places, as those who use them keep them."""
