"""Launches from an EHR."""
