"""The portal's own signing keys: the first of a kind signs, all are published."""

import base64
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from joserfc.jwk import ECKey, RSAKey

from integrations.errors import Misconfigured

RSA_BITS = 3072
SigningKey = RSAKey | ECKey


class SigningKeys:
    """Private keys, each a base64 PKCS #8 key: RSA for RS384, P-384 for ES384 (RFC 7518, 3.1)."""

    def __init__(self, encoded: Sequence[str] = ()) -> None:
        self._keys = [_opened(text) for text in encoded]

    def signer(self, algorithm: str) -> SigningKey:
        """The key that signs; raises Misconfigured when there is none of the kind."""
        kind: type[SigningKey] = RSAKey if algorithm.startswith("RS") else ECKey
        for key in self._keys:
            if isinstance(key, kind):
                return key
        raise Misconfigured(
            f"there is no key that signs {algorithm}; make one with `portal smart key` "
            "and add it to PORTAL_EHR_KEYS"
        )

    def published(self) -> dict[str, Any]:
        """The JSON Web Key Set of the public halves (RFC 7517, 5)."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}


def new_key(algorithm: str) -> str:
    """A fresh key as one line of text."""
    key = (
        rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        if algorithm == "RS384"
        else ec.generate_private_key(ec.SECP384R1())
    )
    return base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


def _opened(text: str) -> SigningKey:
    """The key under its thumbprint (RFC 7638), so that every key of a set has another name."""
    key = load_der_private_key(base64.b64decode(text), None)
    if isinstance(key, rsa.RSAPrivateKey):
        named_rsa = RSAKey.import_key(key, {"use": "sig", "alg": "RS384"})
        return RSAKey.import_key(key, {"use": "sig", "alg": "RS384", "kid": named_rsa.thumbprint()})
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1):
        named_ec = ECKey.import_key(key, {"use": "sig", "alg": "ES384"})
        return ECKey.import_key(key, {"use": "sig", "alg": "ES384", "kid": named_ec.thumbprint()})
    raise Misconfigured("a key of PORTAL_EHR_KEYS is neither RSA nor P-384")
