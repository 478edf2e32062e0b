"""The settings of the demo: addresses, and secrets made once and kept in the data folder."""

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from integrations.ehr.keys import new_key
from portal.demo.names import ERP_VARIABLE, INBOUND_VARIABLE, NETWORK_VARIABLE, Addresses

FILE = "settings.json"
SECRETS: dict[str, Callable[[], str]] = {
    "PORTAL_SECRET_KEY": lambda: secrets.token_urlsafe(48),
    "PORTAL_ENCRYPTION_KEYS": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
    "PORTAL_INDEX_KEY": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
    "PORTAL_EHR_KEYS": lambda: new_key("RS384"),
    f"PORTAL_SECRET_{ERP_VARIABLE}": secrets.token_urlsafe,
    f"PORTAL_SECRET_{NETWORK_VARIABLE}": secrets.token_urlsafe,
    f"PORTAL_SECRET_{INBOUND_VARIABLE}": secrets.token_urlsafe,
}


def of_demo(
    folder: Path, addresses: Addresses, *, database_url: str, redis_url: str, given: Mapping[str, str]
) -> dict[str, str]:
    """Every PORTAL_ variable of the demo; what the environment gives comes first. Kept for other commands."""
    kept = read(folder)
    settings = {name: kept.get(name) or make() for name, make in SECRETS.items()} | {
        "PORTAL_DEMO": "true",
        "PORTAL_PARTNER_HOSTS": "127.0.0.1,localhost",
        "PORTAL_PUBLIC_URL": addresses.portal,
    }
    settings |= {name: value for name, value in given.items() if name.startswith("PORTAL_")}
    settings |= {"PORTAL_DATABASE_URL": database_url, "PORTAL_REDIS_URL": redis_url}
    _write(folder, settings)
    return settings


def read(folder: Path) -> dict[str, str]:
    """The settings of the last demo in this folder; empty when there was none."""
    try:
        kept: dict[str, str] = json.loads((folder / FILE).read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}
    return kept


def _write(folder: Path, settings: Mapping[str, str]) -> None:
    fresh = folder / f"{FILE}.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(settings, file, indent=1, sort_keys=True)
    fresh.replace(folder / FILE)
