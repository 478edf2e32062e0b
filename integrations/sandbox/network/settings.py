"""How the sandbox network is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class NetworkSettings:
    """`buyers` are shared secrets by network identity; `secret` is what this network shows to the portal.

    `delay_seconds` pass before a confirmation, twice that before a ship notice; without `automatic`
    suppliers answer only when told to (POST /sandbox/answer). An empty `portal_url` keeps documents back.
    """

    data_dir: Path
    portal_url: str
    buyers: Mapping[str, str] = field(repr=False)
    secret: str = field(repr=False)
    identity: str = "AN-NETWORK"
    delay_seconds: float = 2.0
    automatic: bool = True


def parse_buyers(text: str) -> dict[str, str]:
    """Buyers written as "identity=secret,identity=secret"; ValueError for anything else."""
    buyers = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        identity, _, secret = pair.partition("=")
        if not identity.strip() or not secret.strip():
            raise ValueError("buyers must be written as identity=secret, separated by commas")
        buyers[identity.strip()] = secret.strip()
    return buyers
