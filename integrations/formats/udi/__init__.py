"""UDI: what a scanned barcode of GS1, HIBCC or ICCBBA says; no I/O."""

from integrations.formats.udi.reading import parse, together
from integrations.formats.udi.scan import Scan, Scheme, UnreadableScan

__all__ = ["Scan", "Scheme", "UnreadableScan", "parse", "together"]
