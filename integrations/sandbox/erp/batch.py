"""$batch: multipart bodies with single requests and atomic change sets."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl, urlsplit

from integrations.sandbox.erp.addressing import split_path
from integrations.sandbox.erp.gateway import Answer
from integrations.sandbox.erp.refusal import refuse

MAX_PARTS = 200
REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
}


@dataclass(frozen=True)
class Part:
    """One request inside a batch."""

    method: str
    path: tuple[str, ...]
    options: dict[str, str]
    body: bytes


Handle = Callable[[Part], Answer]
Atomic = Callable[[list[Part]], list[Answer]]


def read_batch(content_type: str, body: bytes) -> list[Part | list[Part]]:
    """Single requests, and change sets as lists; raises Refusal 400."""
    whole = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    if not whole.is_multipart():
        raise refuse("/IWFND/CM_MGW_RT/022", "A batch needs a multipart/mixed body with a boundary")
    parts = _parts(whole)
    if len(parts) > MAX_PARTS:
        raise refuse("/IWFND/CM_MGW_RT/022", f"A batch may hold {MAX_PARTS} parts")
    return [
        [_request(one) for one in _parts(part)] if part.is_multipart() else _request(part) for part in parts
    ]


def print_batch(answers: Iterable[Answer | list[Answer]]) -> Answer:
    """The 202 answer that holds all others."""
    boundary = f"batch_{uuid.uuid4().hex}"
    sections = []
    for answer in answers:
        if isinstance(answer, Answer):
            sections.append(_section(answer))
        else:
            inner = f"changeset_{uuid.uuid4().hex}"
            content = _joined(inner, [_section(one) for one in answer])
            sections.append(f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode() + content)
    body = _joined(boundary, sections)
    return Answer(202, body, content_type=f"multipart/mixed; boundary={boundary}")


def _parts(message: Message) -> list[Message]:
    payload = message.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _request(part: Message) -> Part:
    raw = part.get_payload(decode=True)
    text = raw if isinstance(raw, bytes) else b""
    head, _, body = text.replace(b"\r\n", b"\n").partition(b"\n\n")
    words = head.partition(b"\n")[0].decode("ascii", "replace").split()
    if part.get_content_type() != "application/http" or len(words) < 2:
        raise refuse("/IWFND/CM_MGW_RT/022", "A part of the batch is not an HTTP request")
    target = urlsplit(words[1])
    options = dict(parse_qsl(target.query, keep_blank_values=True))
    return Part(words[0], split_path(target.path), options, body.strip())


def _section(answer: Answer) -> bytes:
    headers = {"Content-Type": answer.content_type, **answer.headers, "Content-Length": str(len(answer.body))}
    lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Error')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    start = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return (start + "\r\n".join(lines) + "\r\n\r\n").encode() + answer.body


def _joined(boundary: str, sections: Iterable[bytes]) -> bytes:
    mark = f"--{boundary}".encode()
    return b"".join(mark + b"\r\n" + one + b"\r\n" for one in sections) + mark + b"--\r\n"
