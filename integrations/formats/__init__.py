"""Wire formats: parse and print, no input or output."""
