# SPDX-License-Identifier: BSD-3-Clause
"""Certificates of an authority: chain, days, usage, revocation lists (RFC 5280); signing with such a key.

The chain is built and checked by the library `cryptography`; revocation lists, which it leaves to its
callers, are checked here: each certificate but the root needs a list of its issuer that is signed, whose
day has not passed, and that does not name it. Nothing is fetched: the lists lie in the policy.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from core.errors import Refused, UserError
from trust.keys.secret_files import check_private, read_secret
from trust.keys.token import TokenKey

_SHA256 = hashes.SHA256()
_MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Certified:
    """Whom a good chain is about: the subject (RFC 4514), its first and its last moment.

    `sha256` is of the certificate, in hex; `revoked` whether a list of its issuer names it.
    """

    subject: str
    sha256: str
    begins: datetime
    ends: datetime
    revoked: bool


def check(
    chain: bytes, *, roots: bytes, revocations: bytes, signed: bytes, signature: bytes, at: datetime
) -> Certified:
    """Return who signed some bytes, if the chain leads to one of the roots.

    Args:
        chain: PEM: the signer's certificate, then those between it and a root.
        roots: PEM: the authority's own certificates.
        revocations: PEM: its revocation lists.
        signed: what was signed.
        signature: PKCS #1 v1.5 or ECDSA in DER, of the SHA-256.
        at: the moment of which it is asked.

    Raises:
        Refused: the signature does not fit, the chain does not hold, or no valid list says otherwise.
    """
    leaf, *between = _certificates(chain)
    _check_signature(leaf, signed, signature)
    path = _path(leaf, between, roots, at)
    lists = _lists(revocations)
    for number, (certificate, issuer) in enumerate(itertools.pairwise(path)):
        if _is_revoked(certificate, issuer, lists, at) and number > 0:
            raise Refused(f"the certificate of {_name(certificate)}, which issued it, is revoked")
    return Certified(
        subject=_name(leaf),
        sha256=leaf.fingerprint(_SHA256).hex(),
        begins=leaf.not_valid_before_utc,
        ends=leaf.not_valid_after_utc,
        revoked=_is_revoked(leaf, path[1], lists, at),
    )


def subject_of(chain: bytes) -> tuple[str, str]:
    """Return the subject of the first certificate of a chain, and its sha256 in hex."""
    leaf = _certificates(chain)[0]
    return _name(leaf), leaf.fingerprint(_SHA256).hex()


def sign_with_file(data: bytes, *, chain: bytes, key: Path, passphrase_file: Path | None) -> bytes:
    """Return the signature of some bytes by a private key in a PEM file.

    Raises:
        UserError: others can read the file, the passphrase is wrong, or it is another key than the
            certificate's.
    """
    check_private(key, what="private key")
    passphrase = read_secret(passphrase_file, what="passphrase file") if passphrase_file else None
    try:
        private = serialization.load_pem_private_key(
            key.read_bytes(), passphrase.encode() if passphrase else None
        )
    except (ValueError, TypeError, OSError, UnsupportedAlgorithm):
        # without the cause, which may quote what was in the file
        raise UserError(
            f"the private key {key} cannot be read",
            hint="a PEM file; an encrypted one needs the right --passphrase-file",
        ) from None
    match private:
        case rsa.RSAPrivateKey():
            signature = private.sign(data, padding.PKCS1v15(), _SHA256)
        case ec.EllipticCurvePrivateKey():
            signature = private.sign(data, ec.ECDSA(_SHA256))
        case _:
            raise UserError(f"the private key {key} is neither RSA nor ECDSA")
    return _fitting(chain, data, signature)


def sign_with_token(data: bytes, *, chain: bytes, key: TokenKey) -> bytes:
    """Return the signature of some bytes by a key in a token.

    Raises:
        UserError: the token does not sign, or its key is another one than the certificate's.
    """
    numbers = key.sign_bare(data)
    if len(numbers) == 1:
        public = _certificates(chain)[0].public_key()
        size = public.key_size // 8 if isinstance(public, rsa.RSAPublicKey) else 0
        signature = numbers[0].to_bytes(size or (numbers[0].bit_length() + 7) // 8, "big")
    else:
        signature = encode_dss_signature(*numbers)
    return _fitting(chain, data, signature)


def _fitting(chain: bytes, data: bytes, signature: bytes) -> bytes:
    leaf = _certificates(chain)[0]
    try:
        _check_signature(leaf, data, signature)
    except Refused as err:
        raise UserError(
            f"the private key is not the one of the certificate of {_name(leaf)}",
            hint="--certificate names the file whose first certificate is the signer's",
        ) from err
    return signature


def _certificates(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as err:
        raise Refused("this is no chain of certificates in PEM") from err


def _check_signature(leaf: x509.Certificate, data: bytes, signature: bytes) -> None:
    public = leaf.public_key()
    try:
        match public:
            case rsa.RSAPublicKey():
                public.verify(signature, data, padding.PKCS1v15(), _SHA256)
            case ec.EllipticCurvePublicKey():
                public.verify(signature, data, ec.ECDSA(_SHA256))
            case _:
                raise Refused(f"the key of {_name(leaf)} is neither RSA nor ECDSA")
    except InvalidSignature as err:
        raise Refused(f"the signature by {_name(leaf)} does not fit") from err


def _path(
    leaf: x509.Certificate, between: Sequence[x509.Certificate], roots: bytes, at: datetime
) -> list[x509.Certificate]:
    """Return the chain from the signer to a root, both included."""
    policies = PolicyBuilder().store(Store(_certificates(roots))).time(at)
    verifier = (
        policies.max_chain_depth(_MAX_DEPTH)
        .extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca(),
            ee_policy=ExtensionPolicy.permit_all().require_present(
                x509.KeyUsage, Criticality.AGNOSTIC, _signs
            ),
        )
        .build_client_verifier()
    )
    try:
        path = verifier.verify(leaf, list(between)).chain
    except VerificationError as err:
        raise Refused(
            f"the certificate of {_name(leaf)} does not lead to the authority: {err}"
        ) from err
    if len(path) < 2:
        raise Refused(
            f"the certificate of {_name(leaf)} is the authority's own; it signs no images"
        )
    return path


def _signs(_policy: Policy, _leaf: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.digital_signature:
        raise ValueError("the certificate's key is not for signatures")


def _lists(pem: bytes) -> list[x509.CertificateRevocationList]:
    end = b"-----END X509 CRL-----"
    try:
        return [
            x509.load_pem_x509_crl(part + end + b"\n") for part in pem.split(end) if part.strip()
        ]
    except ValueError as err:
        raise Refused("these are no revocation lists in PEM") from err


def _is_revoked(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    lists: Sequence[x509.CertificateRevocationList],
    at: datetime,
) -> bool:
    """Return whether the issuer's list names a certificate; without a list in force, refuse."""
    for each in lists:
        if each.issuer != issuer.subject or not _is_by(each, issuer):
            continue
        ends = each.next_update_utc
        if each.last_update_utc <= at and ends is not None and at < ends:
            return (
                each.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
            )
    raise Refused(
        f"no revocation list of {_name(issuer)} is in force on {at:%Y-%m-%d}",
        hint="put the authority's newest list (PEM) where `authorities` of the policy says",
    )


def _is_by(each: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    return each.is_signature_valid(key)


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()
