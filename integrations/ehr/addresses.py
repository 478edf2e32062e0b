"""Addresses of FHIR servers: when two mean the same tenant, and which transport is protected."""

from urllib.parse import urlsplit, urlunsplit

from integrations.errors import Rejected

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
LONGEST = 2000
DEFAULT_PORTS = {"https": 443, "http": 80}


def tenant_key(iss: str) -> str:
    """The form in which FHIR bases are compared: host in lower case, no trailing slash, else as it is.

    Raises Rejected for what is no protected address of a server (SMART 2.2: TLS; plain HTTP on loopback).
    """
    if len(iss) > LONGEST or any(character <= " " or character in '\\"<>' for character in iss):
        raise Rejected("this is not the address of a FHIR server")
    try:
        parts = urlsplit(iss)
        port = parts.port
    except ValueError as error:
        raise Rejected("this is not the address of a FHIR server") from error
    host = (parts.hostname or "").lower()
    if not host or parts.username is not None or parts.query or parts.fragment or not is_protected(iss):
        raise Rejected("this is not the address of a FHIR server reached over https")
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if port in (None, DEFAULT_PORTS[parts.scheme]) else f"{shown}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))


def is_protected(url: str) -> bool:
    """Whether an address is reached over TLS, or stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def host_of(url: str) -> str:
    """The host in lower case, without port."""
    return (urlsplit(url).hostname or "").lower()
