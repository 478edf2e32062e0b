"""Expected deliveries by day and place: a page, and a feed for calendar programs."""
