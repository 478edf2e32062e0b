"""What a partner answers to "can you hear me?"."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Health:
    """Whether the partner was reached and the login accepted, with a sentence for people."""

    reachable: bool
    login_ok: bool
    detail: str
    milliseconds: int
