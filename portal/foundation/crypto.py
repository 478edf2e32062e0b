"""Encryption at rest (AES-GCM under a key ring) and keyed hashes for look-up."""

import base64
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class KeyRing:
    """Encrypts with the first key, decrypts with any of them (rotation); hashes with a key that stays."""

    def __init__(self, keys: list[str], index_key: str) -> None:
        self._keys = [base64.b64decode(key) for key in keys]
        self._index_key = base64.b64decode(index_key)

    def encrypt(self, text: str, *, context: str) -> bytes:
        """Ciphertext bound to its context (for example table and column)."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self._keys[0]).encrypt(nonce, text.encode(), context.encode())

    def decrypt(self, sealed: bytes, *, context: str) -> str:
        """The text; raises ValueError when no key of the ring opens it."""
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        for key in self._keys:
            try:
                return AESGCM(key).decrypt(nonce, ciphertext, context.encode()).decode()
            except InvalidTag:
                continue
        raise ValueError("None of PORTAL_ENCRYPTION_KEYS opens this value.")

    def resealed(self, sealed: bytes, *, context: str) -> bytes | None:
        """The value under the first key; None when it is. Raises ValueError when no key opens it."""
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            AESGCM(self._keys[0]).decrypt(nonce, ciphertext, context.encode())
        except InvalidTag:
            return self.encrypt(self.decrypt(sealed, context=context), context=context)
        return None

    def blind_index(self, text: str) -> str:
        """A keyed hash that finds equal texts without showing them."""
        return hmac.new(self._index_key, text.encode(), hashlib.sha256).hexdigest()


def token() -> str:
    """An unguessable token for sessions and links."""
    return secrets.token_urlsafe(32)


def token_hash(value: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(value.encode()).hexdigest()
