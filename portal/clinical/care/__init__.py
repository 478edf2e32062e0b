"""The point-of-care page: scan, confirm, done."""
