"""The cXML envelope: who sends which document, and the answer to it (cXML.dtd 1.2.063, section cXML)."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from integrations.errors import Unreadable
from integrations.formats.cxml.parsing import encoding_of, parse
from integrations.formats.cxml.reading import Reader, text_at, where
from integrations.formats.cxml.writing import add, document, new, stamp
from integrations.network.contract import Envelope

Party = tuple[str, str]
CREDENTIAL_TYPES = ("SharedSecret", "DigitalSignature", "CredentialMac")
# Also one without its end tag: a cut document must not show it either.
SECRET = re.compile(
    r"(?P<open><(?:\w+:)?(?:SharedSecret|CredentialMac)\b[^>]*>)"
    r".*?(?=</(?:\w+:)?(?:SharedSecret|CredentialMac)\b|\Z)",
    re.DOTALL,
)
USER_AGENT = "Clinic Supply Portal"
STATUS_TEXTS = {
    200: "OK",
    201: "Accepted",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    406: "Not Acceptable",
    409: "Conflict",
    417: "Expectation Failed",
    429: "Too Many Requests",
    450: "Not Implemented",
    500: "Internal Server Error",
    550: "Unable to reach cXML server",
    551: "Unable to forward request",
    560: "Temporary server error",
}


@dataclass(frozen=True)
class Header:
    """What stands around a request; parties are (domain, identity)."""

    message_id: str
    sent_at: datetime
    from_: Party
    to: Party
    sender: Party
    secret: str = field(repr=False)
    deployment_mode: str = "production"


@dataclass(frozen=True)
class Status:
    """A partner's answer: the code of the cXML Status, its words, the answer's own payloadID."""

    code: int
    text: str
    message_id: str = ""


def open_root(raw: bytes) -> tuple[etree._Element, str]:
    """The cXML element and the address of its DTD; Unreadable for anything else."""
    root, address = parse(raw)
    if root.tag != "cXML":
        raise Unreadable(
            f"The document begins with {str(root.tag)[:80]}, not with cXML", position=where(root)
        )
    return root, address


def body(root: etree._Element) -> etree._Element:
    """The one document inside Request, Response or Message."""
    holder = next((found for tag in ("Request", "Response", "Message") for found in root.findall(tag)), None)
    if holder is None:
        raise Unreadable("The cXML holds no Request, Response or Message", position=where(root))
    inner = [child for child in holder if child.tag != "Status"]
    if holder.tag == "Response" and not inner:
        return holder
    if len(inner) != 1:
        raise Unreadable(
            f"{holder.tag} holds {len(inner)} documents; exactly one is expected", position=where(holder)
        )
    return inner[0]


def open_envelope(raw: bytes) -> Envelope:
    """Who sends what under which payloadID, without looking into the document.

    Raises Unreadable with position "line N" for what is not a cXML document with a complete header.
    """
    root, _ = open_root(raw)
    reader = Reader()
    header = reader.child(root, "Header")
    sender = _credential(header, "Sender")
    return Envelope(
        message_id=reader.needed(root, "payloadID"),
        kind=str(body(root).tag),
        sender=_party(sender),
        from_=_party(_credential(header, "From")),
        to=_party(_credential(header, "To")),
        secret=text_at(sender, "SharedSecret"),
    )


def write_request(header: Header, payload: etree._Element, *, dtd: str = "cXML.dtd") -> bytes:
    """A complete request; `dtd` is the file that declares the payload (cXML.dtd or Fulfill.dtd)."""
    root = new("cXML", {"payloadID": header.message_id, "timestamp": stamp(header.sent_at)})
    head = add(root, "Header")
    for tag, party in (("From", header.from_), ("To", header.to), ("Sender", header.sender)):
        credential = add(add(head, tag), "Credential", domain=party[0])
        add(credential, "Identity", party[1])
    add(credential, "SharedSecret", header.secret)
    add(head[-1], "UserAgent", USER_AGENT)
    add(root, "Request", deploymentMode=header.deployment_mode).append(payload)
    return document(root, dtd)


def write_response(
    code: int, detail: str = "", *, message_id: str, sent_at: datetime, payload: etree._Element | None = None
) -> bytes:
    """The answer to a request; `payload` is for those that ask for one, such as ProfileResponse."""
    root = new("cXML", {"payloadID": message_id, "timestamp": stamp(sent_at)})
    response = add(root, "Response")
    text = STATUS_TEXTS.get(code, "Error")
    status = add(response, "Status", detail, code=str(code), text=text)
    status.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    if payload is not None:
        response.append(payload)
    return document(root, "cXML.dtd")


def read_response(raw: bytes) -> Status:
    """The status of an answer; Unreadable when it is not a complete cXML Response."""
    root, _ = open_root(raw)
    reader = Reader()
    status = reader.child(root, "Response/Status")
    code = reader.needed(status, "code")
    if not (code.isascii() and code.isdigit() and len(code) == 3):
        raise Unreadable(f"Status code is not a number: {code[:40]!r}", position=where(status))
    words = (status.get("text"), (status.text or "").strip())
    return Status(int(code), ": ".join(word for word in words if word), root.get("payloadID") or "")


def without_secrets(raw: bytes) -> str:
    """The text of a document, or of what was meant to be one, with every shared secret replaced."""
    try:
        encoding = encoding_of(raw)
    except Unreadable:
        encoding = "utf-8"
    return SECRET.sub(r"\g<open>***", raw.decode(encoding, errors="replace"))


def profile_request() -> etree._Element:
    """The question which requests the other side takes."""
    return new("ProfileRequest")


def profile_response(requests: dict[str, str], *, effective_at: datetime) -> etree._Element:
    """The answer to it: request names with the address each is sent to."""
    profile = new("ProfileResponse", {"effectiveDate": stamp(effective_at)})
    for name, url in requests.items():
        add(add(profile, "Transaction", requestName=name), "URL", url)
    return profile


def _credential(header: etree._Element, tag: str) -> etree._Element:
    """The first credential of a party; of several the one that authenticates."""
    party = Reader().child(header, tag)
    credentials = party.findall("Credential")
    for credential in credentials:
        if any(credential.find(kind) is not None for kind in CREDENTIAL_TYPES):
            return credential
    if not credentials:
        raise Unreadable(f"{tag} has no Credential", position=where(party))
    return credentials[0]


def _party(credential: etree._Element) -> Party:
    domain = Reader().needed(credential, "domain")
    return domain.lower(), text_at(credential, "Identity")
