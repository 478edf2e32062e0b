"""HL7 v2: messages read into canonical documents, acknowledged, and printed."""

from integrations.formats.hl7v2.interface import Interface
from integrations.formats.hl7v2.messages import KINDS, Reading, read
from integrations.formats.hl7v2.parsing import split

__all__ = ["KINDS", "Interface", "Reading", "read", "split"]
