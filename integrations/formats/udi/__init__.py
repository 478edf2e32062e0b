"""UDI: what a scanned barcode of GS1, HIBCC or ICCBBA says; no I/O."""

from integrations.formats.udi.reading import parse, together
from integrations.formats.udi.scan import OTHER_HALF, Scan, Scheme, UnreadableScan

__all__ = ["OTHER_HALF", "Scan", "Scheme", "UnreadableScan", "parse", "together"]
