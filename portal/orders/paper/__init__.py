"""Orders on paper: as a PDF to keep, and as the letter a supplier gets."""
