"""Electronic health records: launches from them and reading in them."""
