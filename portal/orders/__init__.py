"""Purchase orders, confirmations and ship notices."""
