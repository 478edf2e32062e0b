"""Typed settings from the environment, checked at start."""

import base64
import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class SettingsError(Exception):
    """A setting is missing or wrong; the text says which and what to do."""


class Settings(BaseSettings):
    """Every variable begins with PORTAL_; the README's table lists them from these descriptions."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", frozen=True)

    database_url: str = Field(description="PostgreSQL 15 or newer, postgresql://user:password@host/database")
    redis_url: str = Field(description="Redis 6.2 or newer or Valkey, redis://host:port/0")
    secret_key: SecretStr = Field(description="Signs cookies and links; at least 32 characters")
    encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        description="Comma-separated base64 keys of 32 bytes; the first encrypts, all decrypt"
    )
    index_key: SecretStr = Field(
        description="A base64 key of 32 bytes; finds sealed identifiers again; never rotated"
    )
    ehr_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="Comma-separated keys of `portal smart key`; the first of its kind signs"
    )
    public_url: str = Field(default="http://127.0.0.1:8000", description="Address people and partners use")
    demo: bool = Field(default=False, description="Offers one-click role accounts; never in production")
    session_idle_minutes: int = Field(default=30, gt=0, description="Signs out after so much inactivity")
    session_absolute_hours: int = Field(default=12, gt=0, description="Signs out after so long in any case")
    sign_in_limit: str = Field(default="20 per minute", description="Sign-in tries per network address")
    password_memory_kib: int = Field(
        default=65_536, ge=32, description="Memory of one password hash (argon2id); less only for tests"
    )
    partner_hosts: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), description="Comma-separated hosts the portal may call; others are refused"
    )
    partner_timeout_seconds: float = Field(default=25.0, gt=0, description="Time limit of one partner call")
    message_lease_seconds: int = Field(default=120, gt=0, description="After this a crashed try is repeated")
    order_rest_minutes: int = Field(
        default=15, ge=0, description="After approval a line rests so long before it is ordered by itself"
    )
    sweep_seconds: float = Field(default=5.0, gt=0, description="How often due work is looked for")
    max_upload_bytes: int = Field(default=20_000_000, gt=0, description="Largest upload or inbound document")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    metrics_token: SecretStr = Field(
        default=SecretStr(""), description="Bearer token for /metrics; empty: only from this machine"
    )
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description="smtp://user:password@host:587 (STARTTLS if offered) or smtps://…:465; empty: no mails",
    )
    mail_from: str = Field(default="supply@portal.invalid", description="Sender of the mails")
    trusted_proxies: int = Field(default=0, ge=0, description="Reverse proxies in front of the portal")

    @field_validator("encryption_keys", "ehr_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("partner_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters")
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _full_length(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not value or any(len(base64.b64decode(key.get_secret_value())) != 32 for key in value):
            raise ValueError("each key must be 32 bytes in base64")
        return value

    @field_validator("index_key")
    @classmethod
    def _one_full_length(cls, value: SecretStr) -> SecretStr:
        cls._full_length((value,))
        return value

    @model_validator(mode="after")
    def _lease_covers_calls(self) -> Self:
        # A try asks, fetches a token, posts and reads; its lease must outlast all four.
        if self.message_lease_seconds < 4 * self.partner_timeout_seconds:
            raise ValueError("PORTAL_MESSAGE_LEASE_SECONDS must be at least four partner time limits")
        return self

    @property
    def sqlalchemy_url(self) -> str:
        """The database address with the psycopg 3 driver named."""
        _, _, rest = self.database_url.partition("://")
        return f"postgresql+psycopg://{rest}"

    @property
    def secure_cookies(self) -> bool:
        """Cookies travel over HTTPS only when people do."""
        return self.public_url.startswith("https://")


def load() -> Settings:
    """Reads the environment; raises SettingsError naming every variable that is missing or wrong."""
    try:
        return Settings()  # type: ignore[call-arg]  # values come from the environment
    except ValidationError as error:
        faults = "; ".join(f"{_variable(fault['loc'])}{fault['msg']}" for fault in error.errors())
        raise SettingsError(f"The settings are not complete: {faults}.") from error


def _variable(location: tuple[int | str, ...]) -> str:
    return f"PORTAL_{str(location[0]).upper()}: " if location else ""


def partner_secret(name: str) -> str:
    """The secret PORTAL_SECRET_<NAME>; empty when it is not set."""
    return os.environ.get(f"PORTAL_SECRET_{name.upper()}", "")


DATA_DIR = Path(os.environ.get("PORTAL_DATA_DIR", ".data")).absolute()
"""Where the embedded servers keep their files."""
