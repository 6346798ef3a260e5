# SPDX-License-Identifier: BSD-3-Clause
"""`.cvmfswhitelist`: the master key's word on which certificates may sign the manifest, and until when.

Issue time, `E` and expiry, `N` and the repository's name, fingerprints, then `--`, the hash of those
lines and a raw RSA signature (PKCS#1 type 1 padding, no DigestInfo) of its hex text, as `openssl pkeyutl
-sign` makes it (whitelist.cc, crypto/signature.cc). The expiry is exact to the hour. Behind a fingerprint may
be a remark.

Two lines ask for more: `Vpkcs7`, a signature in a file of its own, and `Wcachain`, a certificate of a known
authority. Who asks for more must not be given less, so both are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo

from cvmfs.errors import FormatInvalid, SignatureInvalid, WhitelistExpired, WrongRepository
from cvmfs.format.hashes import Algorithm, hash_of, to_blob
from cvmfs.format.manifest import SignedText, split_signed

WHITELIST = ".cvmfswhitelist"
WARN_BEFORE = timedelta(days=7)
"""How long before the end publishers are told."""

_FINGERPRINT = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){19}(-RMD160|-SHAKE128)?")
_REMARK = re.compile(r"[ \t#]")
_TIME = "%Y%m%d%H%M%S"
_HOUR = "%Y%m%d%H"


@dataclass(frozen=True, slots=True)
class Whitelist:
    """Which certificates may sign for a repository, by fingerprint."""

    fqrn: str
    issued: datetime
    expires: datetime
    fingerprints: tuple[str, ...]

    def is_due(self, at: datetime) -> bool:
        """Return whether a new one should be signed: its last days have begun."""
        return at >= self.expires - WARN_BEFORE

    def text(self) -> bytes:
        """Return the lines that are signed."""
        lines = [
            self.issued.astimezone(UTC).strftime(_TIME),
            "E" + self.expires.astimezone(UTC).strftime(_TIME),
            "N" + self.fqrn,
            *self.fingerprints,
        ]
        return "".join(f"{line}\n" for line in lines).encode()


def fingerprint(certificate: x509.Certificate, algorithm: Algorithm = Algorithm.SHA1) -> str:
    """Return the certificate's fingerprint in upper case with colons: with SHA-1 that of `openssl x509`."""
    content_hash = hash_of(certificate.public_bytes(serialization.Encoding.DER), algorithm)
    return (to_blob(content_hash).hex(":") + algorithm.ending).upper()


def is_listed(certificate: x509.Certificate, whitelist: Whitelist) -> bool:
    """Return whether a whitelist names a certificate, by a fingerprint of any algorithm."""
    found = {fingerprint(certificate, algorithm) for algorithm in Algorithm}
    return not found.isdisjoint(whitelist.fingerprints)


def sign(
    whitelist: Whitelist,
    master_key: rsa.RSAPrivateKey,
    algorithm: Algorithm = Algorithm.SHA1,
) -> bytes:
    """Return the bytes of `.cvmfswhitelist`."""
    text = whitelist.text()
    content_hash = hash_of(text, algorithm)
    signature = master_key.sign(content_hash.encode(), padding.PKCS1v15(), NoDigestInfo())
    return SignedText(text, content_hash, signature).encode()


def verify(
    content: bytes, master_key: rsa.RSAPublicKey, *, fqrn: str, at: datetime, where: str
) -> Whitelist:
    """Return the whitelist when the master key signed it for this repository and it is valid at this time.

    Raises:
        FormatInvalid: it is not a whitelist.
        SignatureInvalid: another key signed it, or it was changed.
        WrongRepository: it is for another repository.
        WhitelistExpired: its time is over.
    """
    signed = split_signed(content, where=where)
    try:
        recovered = master_key.recover_data_from_signature(
            signed.signature, padding.PKCS1v15(), NoDigestInfo()
        )
    except InvalidSignature as err:
        raise SignatureInvalid(f"{where} is not signed by the given master key") from err
    if recovered != signed.content_hash.encode():
        raise SignatureInvalid(f"the signature of {where} is of another text")
    whitelist = parse(content, where=where)
    if whitelist.fqrn != fqrn:
        raise WrongRepository(f"{where} is for the repository {whitelist.fqrn}, not {fqrn}")
    if at >= whitelist.expires:
        raise WhitelistExpired(
            f"{where} expired on {whitelist.expires:%Y-%m-%d %H:%M} UTC",
            hint=f"the holder of {fqrn}.masterkey has to sign a new one: pansoft repo resign",
        )
    return whitelist


def parse(content: bytes, *, where: str) -> Whitelist:
    """Return what a whitelist says, its signature not looked at.

    Raises:
        FormatInvalid: it is not a whitelist.
    """
    text = content.partition(b"\n--\n")[0].decode("utf-8", "replace")
    lines = text.split("\n")
    try:
        issued, expires, name = lines[0], lines[1], lines[2]
        if expires[:1] != "E" or name[:1] != "N":
            raise FormatInvalid(
                f"{where}: the second line has to begin with E and the third with N"
            )
        return Whitelist(
            fqrn=name[1:],
            issued=datetime.strptime(issued, _TIME).replace(tzinfo=UTC),
            expires=datetime.strptime(expires[1:11], _HOUR).replace(tzinfo=UTC),
            fingerprints=tuple(_fingerprints(lines[3:], where=where)),
        )
    except (ValueError, IndexError) as err:
        raise FormatInvalid(f"{where} is not a whitelist: {err}") from err


def _fingerprints(lines: Iterable[str], *, where: str) -> Iterator[str]:
    for line in lines:
        word = _REMARK.split(line, maxsplit=1)[0]
        if word[:1] in ("V", "W"):
            raise FormatInvalid(
                f"{where} asks for {word[1:]}, which is not supported",
                hint="sign it in the plain way: pansoft repo resign",
            )
        if word and not _FINGERPRINT.fullmatch(word):
            raise FormatInvalid(f"{where}: {word!r} is not a fingerprint")
        if word:
            yield word
