"""Stock on hand, movements and par levels."""
