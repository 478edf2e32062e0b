"""Password hashes (argon2id, RFC 9106); checking nobody's password takes as long as somebody's."""

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app

from portal.foundation.crypto import token
from portal.settings import Settings


def hash_password(password: str) -> str:
    """The hash to store, with the present parameters inside."""
    return _hasher().hash(_plain(password))


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is right; without a hash the same work is done and the answer is no."""
    hasher = _hasher()
    try:
        hasher.verify(password_hash or _hash_of_nobody(hasher), _plain(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than the present ones."""
    return _hasher().check_needs_rehash(password_hash)


def _plain(password: str) -> str:
    # The same pass phrase typed on another keyboard may be composed differently (NIST SP 800-63B, 3.1.1.2).
    return unicodedata.normalize("NFKC", password)


def _hasher() -> PasswordHasher:
    settings: Settings = current_app.extensions["settings"]
    return _hasher_with(settings.password_memory_kib)


@cache
def _hasher_with(memory_kib: int) -> PasswordHasher:
    return PasswordHasher(time_cost=3, memory_cost=memory_kib, parallelism=4)


@cache
def _hash_of_nobody(hasher: PasswordHasher) -> str:
    return hasher.hash(token())
