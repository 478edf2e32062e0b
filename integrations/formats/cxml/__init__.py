"""cXML 1.2: documents in, documents out; no I/O."""
