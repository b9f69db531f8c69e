"""The keys that evidence is signed and verified with: Ed25519, in the forms that OpenSSL writes."""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_public_key,
)

from hybrid_erp.model.errors import EvidenceKeyError


def private_key_of(text: str) -> Ed25519PrivateKey:
    """The signing key, from its PKCS#8 form in base64 on one line. No message of an error holds any of it.

    Raises:
        EvidenceKeyError: It is no such key.
    """
    try:
        key = load_der_private_key(base64.b64decode(text.strip(), validate=True), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # without its cause, which may quote what it could not read
        raise EvidenceKeyError("The private key is not PKCS#8 in base64 on one line.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise EvidenceKeyError("The private key is not an Ed25519 key.")
    return key


def new_key() -> str:
    """A new signing key in the form that `private_key_of` reads."""
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(content).decode("ascii")


def public_key_of(text: str) -> Ed25519PublicKey:
    """A public key, from PEM or from base64 of its DER form.

    Raises:
        EvidenceKeyError: It is no such key.
    """
    try:
        content = text.strip().encode("ascii")
        key = (
            load_pem_public_key(content) if content.startswith(b"-----") else load_der_public_key(base64.b64decode(content, validate=True))
        )
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm) as error:
        raise EvidenceKeyError("The public key is neither PEM nor DER in base64.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise EvidenceKeyError("The public key is not an Ed25519 key.")
    return key


def pem_of(key: Ed25519PublicKey) -> str:
    """The public key as a file for auditors."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the public key's DER form, in hexadecimal: by it people tell keys apart."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def is_signed(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    """Whether the owner of the key signed just this content."""
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True
