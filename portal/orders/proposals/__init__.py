"""What costs more than was approved waits for whoever may approve it."""
