"""Signing keys, made anew for each use and never written down; only the public half (JWKS) goes to a file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _integer(value: int, length: int) -> str:
    return base64url(value.to_bytes(length, "big"))


@dataclass(frozen=True)
class SigningKey:
    kid: str
    private: PrivateKey

    @property
    def algorithm(self) -> str:
        return "ES256" if isinstance(self.private, ec.EllipticCurvePrivateKey) else "RS256"

    def sign(self, data: bytes, *, der: bool = False) -> bytes:
        """ES256: r ‖ s, 64 bytes (RFC 7518, 3.4), or DER where asked; RS256: PKCS #1 v1.5."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), SHA256())
        signature = self.private.sign(data, ec.ECDSA(SHA256()))
        if der:
            return signature
        r, s = decode_dss_signature(signature)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def public_jwk(self) -> dict[str, Any]:
        common = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        if isinstance(self.private, rsa.RSAPrivateKey):
            n = self.private.public_key().public_numbers()
            return {"kty": "RSA", **common, "n": _integer(n.n, 256), "e": _integer(n.e, 3)}
        p = self.private.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", **common, "x": _integer(p.x, 32), "y": _integer(p.y, 32)}

    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True)
class KeyRing:
    """Keys by the name that cases use: two of EC and one of RSA are in the JWKS, `foreign-*` are not."""

    keys: dict[str, SigningKey]

    @staticmethod
    def make() -> KeyRing:
        def elliptic(kid: str) -> SigningKey:
            return SigningKey(kid, ec.generate_private_key(ec.SECP256R1()))

        def classic(kid: str) -> SigningKey:
            return SigningKey(kid, rsa.generate_private_key(public_exponent=65537, key_size=2048))

        return KeyRing(
            {
                "ec-1": elliptic("ec-1"),
                "ec-2": elliptic("ec-2"),
                "rsa-1": classic("rsa-1"),
                "foreign-ec": elliptic("foreign-ec"),
                "foreign-rsa": classic("foreign-rsa"),
            }
        )

    def named(self, name: str, algorithm: str) -> SigningKey:
        """A key by name; `primary` and `foreign` follow the service's algorithm. KeyError for others."""
        elliptic = algorithm != "RS256"
        aliases = {
            "primary": "ec-1" if elliptic else "rsa-1",
            "foreign": "foreign-ec" if elliptic else "foreign-rsa",
            "other-type": "rsa-1" if elliptic else "ec-1",
        }
        return self.keys[aliases.get(name, name)]

    def private_text(self) -> str:
        """Every key as PKCS #8 PEM, by name, as JSON."""
        pems = {
            name: key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            for name, key in self.keys.items()
        }
        return json.dumps(pems, indent=1)

    @staticmethod
    def from_text(text: str) -> KeyRing:
        """The reverse of `private_text`. Raises ValueError."""
        keys = {}
        for name, pem in json.loads(text).items():
            private = load_pem_private_key(pem.encode(), None)
            if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
                raise ValueError(f"{name} is neither an EC nor an RSA key")
            keys[name] = SigningKey(name, private)
        return KeyRing(keys)

    def jwks(self) -> str:
        public = [k.public_jwk() for name, k in self.keys.items() if not name.startswith("foreign")]
        return json.dumps({"keys": public}, indent=1)


def hmac_sha256(secret: bytes, data: bytes) -> bytes:
    return hmac.new(secret, data, hashlib.sha256).digest()
