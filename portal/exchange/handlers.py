"""What a kind of message means: functions the features hand in, so that the exchange need not know."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import current_app

from integrations.canonical import InboundDocument
from portal.exchange.models import Message


@dataclass(frozen=True)
class OutboundHandler:
    """How a document leaves and what follows.

    `deliver(adapter, message, ask_first)` talks to the partner, outside any transaction, and returns the
    partner's reference; what it puts into `message.warnings` is kept and shown to people.
    `delivered(message)` (once, however often it is replayed) and `stopped(message)` run in the settling
    transaction.
    """

    deliver: Callable[[Any, Message, bool], str]
    delivered: Callable[[Message], None]
    stopped: Callable[[Message], None]


@dataclass(frozen=True)
class Handlers:
    """Outbound by (message kind, partner kind), inbound by document kind, sealed by message kind.

    A sealed handler gets the body as it came, translates and applies it. It returns what of it could not be
    applied, as sentences without clinical identifiers; the rest stays applied.
    """

    outbound: Mapping[tuple[str, str], OutboundHandler]
    inbound: Mapping[str, Callable[[Message, InboundDocument], None]]
    sealed: Mapping[str, Callable[[Message, bytes], Sequence[str]]] = field(default_factory=dict)


def handlers() -> Handlers:
    """The handlers of this application."""
    registered: Handlers = current_app.extensions["handlers"]
    return registered
