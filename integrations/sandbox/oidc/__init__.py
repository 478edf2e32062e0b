"""A sandbox OpenID Connect provider: a health system's staff directory."""

from integrations.sandbox.oidc.app import create_app
from integrations.sandbox.oidc.directory import Client, Directory, Member

__all__ = ["Client", "Directory", "Member", "create_app"]
