"""What every feature may use; it uses no feature."""
