"""Point of care: EHR launches, patients and encounters, cases, usage, charges, recalls."""
