"""Where the supplier's answer differs from the order: what is asked, of whom, and what may be done."""
