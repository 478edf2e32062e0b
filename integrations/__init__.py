"""Everything about other systems: formats, adapters, transports and sandboxes."""
