# SPDX-License-Identifier: BSD-3-Clause
"""`.cvmfspublished`: the one file that says which revision a repository is at, signed.

Lines of one letter and a value, then `--`, the hash of those lines, and a signature of that hash's hex text
with SHA-1 by the key of the certificate that the manifest names (manifest.cc, crypto/signature.cc).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes as digests
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cvmfs.errors import FormatInvalid, RepositoryError, SignatureInvalid
from cvmfs.format.hashes import ContentHash, algorithm_of, hash_like, hash_of, parse_hash

MANIFEST = ".cvmfspublished"
TTL_S = 240
"""Seconds after which a client asks for a new manifest; the genuine default."""

_ROOT_PATH_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
_SEPARATOR = b"--\n"
_LETTERS = "CBRDSGANXHTMY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a revision consists of. `published` in seconds since 1970, `root_size` in bytes uncompressed.

    `others` are lines of letters that are not ours: read from a manifest, they are signed again as they were.
    """

    fqrn: str
    revision: int
    root_hash: ContentHash
    root_size: int
    certificate: ContentHash
    published: int
    history: ContentHash | None = None
    metainfo: ContentHash | None = None
    reflog: ContentHash | None = None
    ttl_s: int = TTL_S
    is_collectable: bool = False
    has_alternative_paths: bool = False
    others: tuple[tuple[str, str], ...] = ()

    @property
    def time(self) -> datetime:
        """Return when it was published."""
        return datetime.fromtimestamp(self.published, UTC)

    def text(self) -> bytes:
        """Return the lines that are signed, in the order of manifest.cc `ExportString`."""
        values = [
            ("C", self.root_hash),
            ("B", str(self.root_size)),
            ("R", _ROOT_PATH_MD5),
            ("D", str(self.ttl_s)),
            ("S", str(self.revision)),
            ("G", "yes" if self.is_collectable else "no"),
            ("A", "yes" if self.has_alternative_paths else "no"),
            ("N", self.fqrn),
            ("X", self.certificate),
            ("H", self.history),
            ("T", str(self.published)),
            ("M", self.metainfo),
            ("Y", self.reflog),
            *self.others,
        ]
        lines = (f"{letter}{value}\n" for letter, value in values if value is not None)
        return "".join(lines).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class SignedText:
    """Text and the signature over the hex of its hash: the frame of manifests and whitelists."""

    text: bytes
    content_hash: ContentHash
    signature: bytes

    def encode(self) -> bytes:
        """Return the file's bytes."""
        return self.text + _SEPARATOR + self.content_hash.encode() + b"\n" + self.signature


def split_signed(content: bytes, *, where: str) -> SignedText:
    """Return text, hash and signature of a signed file; the hash is that of the text.

    Raises:
        FormatInvalid: it is not framed as signed files are.
        SignatureInvalid: the text has another hash than the file says.
    """
    text, separator, rest = content.partition(b"\n" + _SEPARATOR)
    printed, newline, signature = rest.partition(b"\n")
    if not separator or not newline or not signature:
        raise FormatInvalid(f"{where} has no signature at its end")
    text += b"\n"
    expected = parse_hash(printed.decode("ascii", "replace"), where=where)
    found = hash_like(expected, text)
    if found != expected:
        raise SignatureInvalid(
            f"the text of {where} was changed: its hash is {found}, signed was {expected}"
        )
    return SignedText(text, expected, signature)


def sign_manifest(manifest: Manifest, key: rsa.RSAPrivateKey) -> bytes:
    """Return the bytes of `.cvmfspublished`.

    Raises:
        RepositoryError: clients would look for objects under names that are not written here.
    """
    if manifest.has_alternative_paths:
        raise RepositoryError(
            f"{manifest.fqrn} has alternative paths (A yes), for clients that show a credential; "
            "such repositories are read here, not published",
            hint="publish with the genuine server",
        )
    text = manifest.text()
    content_hash = hash_of(text, algorithm_of(manifest.root_hash))
    # SHA-1 because clients refuse any other digest here: "bad signature".
    signature = key.sign(content_hash.encode(), padding.PKCS1v15(), digests.SHA1())  # noqa: S303
    return SignedText(text, content_hash, signature).encode()


def verify_manifest(content: bytes, key: rsa.RSAPublicKey, *, where: str) -> Manifest:
    """Return the manifest when the key of its certificate signed it.

    Raises:
        FormatInvalid: it is not a manifest.
        SignatureInvalid: another key signed it, or it was changed.
    """
    signed = split_signed(content, where=where)
    try:
        key.verify(
            signed.signature,
            signed.content_hash.encode(),
            padding.PKCS1v15(),
            digests.SHA1(),  # noqa: S303
        )
    except InvalidSignature as err:
        raise SignatureInvalid(
            f"{where} is not signed by the key of the certificate that it names"
        ) from err
    return parse_manifest(content, where=where)


def parse_manifest(content: bytes, *, where: str) -> Manifest:
    """Return what a manifest says, its signature not looked at.

    Raises:
        FormatInvalid: a line that clients require is missing or malformed.
    """
    text = content.partition(b"\n" + _SEPARATOR)[0].decode("utf-8", "surrogateescape")
    lines = {line[:1]: line[1:] for line in text.split("\n") if line}
    missing = [letter for letter in "CRDSNX" if letter not in lines]
    if missing:
        raise FormatInvalid(f"{where} has no line {', '.join(missing)}")
    if lines["R"] != _ROOT_PATH_MD5:
        raise FormatInvalid(f"{where}: the line R is not the MD5 of the root path")
    try:
        return Manifest(
            fqrn=lines["N"],
            revision=_number(lines["S"]),
            root_hash=parse_hash(lines["C"], where=where),
            root_size=_number(lines.get("B", "0")),
            certificate=parse_hash(lines["X"], where=where),
            published=_number(lines.get("T", "0")),
            history=parse_hash(lines["H"], where=where) if "H" in lines else None,
            metainfo=parse_hash(lines["M"], where=where) if "M" in lines else None,
            reflog=parse_hash(lines["Y"], where=where) if "Y" in lines else None,
            ttl_s=_number(lines["D"]),
            is_collectable=lines.get("G") == "yes",
            has_alternative_paths=lines.get("A") == "yes",
            others=tuple((letter, lines[letter]) for letter in lines if letter not in _LETTERS),
        )
    except ValueError as err:
        raise FormatInvalid(f"{where}: a number is malformed: {err}") from err


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} has other signs than digits")
    return int(text)
