"""Refusals in the shape SAP Gateway gives them."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

BAD_REQUEST, NOT_FOUND, NOT_ALLOWED = 400, 404, 405


@dataclass(frozen=True)
class Message:
    """One message with SAP's class and number as code; `severity` error or warning."""

    code: str
    text: str
    target: str = ""
    severity: str = "error"


class Refusal(Exception):
    """The ERP says no: HTTP status and its messages, the first one leading."""

    def __init__(self, messages: Sequence[Message], status: int = BAD_REQUEST) -> None:
        super().__init__(messages[0].text)
        self.messages = tuple(messages)
        self.status = status


def refuse(code: str, text: str, status: int = BAD_REQUEST) -> Refusal:
    """A refusal of one message."""
    return Refusal([Message(code, text)], status)


def error_body(refusal: Refusal) -> bytes:
    """The JSON error document."""
    first = refusal.messages[0]
    error = {
        "code": first.code,
        "message": {"lang": "en", "value": first.text},
        "innererror": {
            "transactionid": uuid.uuid4().hex.upper(),
            "errordetails": [
                {"code": one.code, "message": one.text, "severity": one.severity, "target": one.target}
                for one in refusal.messages
            ],
        },
    }
    return json.dumps({"error": error}).encode()


def sap_message(messages: Sequence[Message]) -> str:
    """The sap-message header of a success: the first message with the others as details."""
    entries = [
        {"code": one.code, "message": one.text, "severity": one.severity, "target": one.target}
        for one in messages
    ]
    return json.dumps({**entries[0], "details": entries[1:]})
