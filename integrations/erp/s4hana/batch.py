"""One change set as a multipart batch and its answer (OData v2, batch processing)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP

import httpx

from integrations.errors import Ambiguous
from integrations.formats.odata import JsonObject


@dataclass(frozen=True)
class Change:
    """New values of the entity at a path below its service; None deletes it."""

    path: str
    values: JsonObject | None


def change_set(changes: Sequence[Change], boundary: str) -> bytes:
    """The body of a batch with one change set: all of it happens, or nothing."""
    inner = f"changeset_{boundary}"
    lines = [f"--{boundary}", f"Content-Type: multipart/mixed; boundary={inner}", ""]
    for number, change in enumerate(changes, start=1):
        content = "" if change.values is None else json.dumps(change.values)
        lines += [
            f"--{inner}", "Content-Type: application/http", "Content-Transfer-Encoding: binary",
            f"Content-ID: {number}", "",
            f"{'DELETE' if change.values is None else 'PATCH'} {change.path} HTTP/1.1",
            "Content-Type: application/json", "Accept: application/json", "If-Match: *",
            f"Content-Length: {len(content)}", "", content,
        ]  # fmt: skip
    return "\r\n".join([*lines, f"--{inner}--", f"--{boundary}--", ""]).encode()


def parts(response: httpx.Response) -> Iterator[httpx.Response]:
    """The answers inside a batch's answer; raises Ambiguous when it is none."""
    kind = response.headers.get("content-type", "")
    whole = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + response.content)
    found = [part for part in whole.walk() if part.get_content_type() == "application/http"]
    if not found:
        raise Ambiguous("SAP S/4HANA answered the changes with something else; they may have been made")
    for part in found:
        raw = part.get_payload(decode=True)
        head, _, body = (raw if isinstance(raw, bytes) else b"").replace(b"\r\n", b"\n").partition(b"\n\n")
        words = head.split(None, 2)
        if len(words) < 2 or not words[1].isdigit():
            raise Ambiguous("SAP S/4HANA's answer to a change says no status; it may have been made")
        yield httpx.Response(int(words[1]), content=body, request=response.request)
