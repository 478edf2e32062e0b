"""Approval steps and decisions."""
