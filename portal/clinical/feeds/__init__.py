"""HL7 v2 interfaces: what they send, and what it means."""
