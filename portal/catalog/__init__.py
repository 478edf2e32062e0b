"""What can be requested: offers, search and order guides."""
