"""Keeps the records of a long read packed, so that no transaction is open while the partner is asked."""

import gzip
import io
from collections.abc import Iterator, Sequence

from integrations.canonical import MasterRecord

QUICK = 3


class Spool:
    """Takes records page by page, as gzipped lines of JSON."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._packed = gzip.GzipFile(fileobj=self._buffer, mode="wb", compresslevel=QUICK)
        self.count = 0

    def add(self, page: Sequence[MasterRecord]) -> None:
        """Takes one page."""
        for record in page:
            self._packed.write(record.model_dump_json().encode() + b"\n")
        self.count += len(page)

    def packed(self) -> bytes:
        """Everything taken; nothing can be added after."""
        self._packed.close()
        return self._buffer.getvalue()


def unpack(packed: bytes, record: type[MasterRecord]) -> Iterator[MasterRecord]:
    """The records again, one at a time."""
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as lines:
        for line in lines:
            yield record.model_validate_json(line)
