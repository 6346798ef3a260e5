# SPDX-License-Identifier: BSD-3-Clause
"""A key in a private folder of files: made, opened, signing.

A private folder (mode 0700, files 0600) is what Apptainer calls a keys folder and holds one key.

- A *local* key has no passphrase, so that the demo and a CI job can sign with nobody watching. It is
  made by `apptainer key newpair` and trusted by nobody but the state folder it lives in.
- A *release* key has a passphrase and an expiry date. `apptainer key newpair` takes a passphrase from
  a terminal or as an argument only and knows no expiry date, so gpg makes this one; Apptainer signs
  with both alike. The passphrase comes from a file that nobody else can read.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.files import sync_folder, write_atomic
from trust.keys.secret_files import read_passphrase
from trust.programs import apptainer, armors, gnupg
from trust.programs.gnupg import PublicKey

RELEASE_BITS = 4096
DEFAULT_VALID_DAYS = 2 * 365


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A new key pair: its fingerprint, its public half to hand out, its private folder.

    `revocation` is the certificate to keep for the day on which the key is lost; a key that counts on this
    machine only has none.
    """

    name: str
    fingerprint: str
    public_key_file: Path
    folder: Path
    revocation: Path | None = None


@dataclass(frozen=True, slots=True)
class FolderKey:
    """A private key in a folder. It holds where the secrets are, not the secrets."""

    folder: Path
    fingerprint: str
    index: int
    facts: PublicKey
    passphrase_file: Path | None = None

    def passphrase(self) -> str | None:
        """Return the passphrase, or None for a key without one."""
        return read_passphrase(self.passphrase_file) if self.passphrase_file else None

    def sign_detached(self, content: bytes, *, what: str) -> bytes:
        """Return an armored detached signature of `content`; `what` names it in messages."""
        with tempfile.TemporaryDirectory(prefix="pansoft-sign-") as folder:
            file = Path(folder) / Path(what).name
            file.write_bytes(content)
            return gnupg.sign_detached(
                file,
                secret_keyring=self.folder / apptainer.SECRET_RING,
                fingerprint=self.fingerprint,
                passphrase=self.passphrase(),
            )

    def sign_sif(self, path: Path) -> None:
        """Have Apptainer sign a SIF file, in place."""
        apptainer.sign(path, keys=self.folder, index=self.index, passphrase=self.passphrase())


def private_folder(state: Path, name: str) -> Path:
    """Return where a state keeps the private key of this name."""
    return state / "keys" / "signing" / name


def revocation_file(folder: Path) -> Path:
    """Return where the certificate that revokes the key of a private folder is kept, apart from it."""
    return folder.parent.parent / "revocations" / f"{folder.name}.asc"


def write_secret(file: Path, content: bytes) -> None:
    """Write a file that nobody else may read, in a folder that nobody else may enter."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomic(file, content, mode=0o600)


def keygen(
    folder: Path,
    *,
    name: str,
    email: str,
    public: Path,
    passphrase_file: Path | None = None,
    valid_days: int = DEFAULT_VALID_DAYS,
    bits: int = RELEASE_BITS,
    comment: str = "",
) -> KeyInfo:
    """Make a key pair.

    Args:
        folder: the private folder; it must not hold a key yet.
        name: who holds the key, as people know them.
        email: of the holder.
        public: the file to write the armored public key to.
        passphrase_file: holds the passphrase; without it the key has none and never expires.
        valid_days: until a key with a passphrase expires.
        bits: the length of a key without a passphrase.
        comment: goes into the name of a key without a passphrase.

    Raises:
        UserError: there is a key already, or the name or the passphrase file will not do.
    """
    check_holder(name, email)
    if folder.exists():
        raise UserError(
            f"there is a key in {folder} already",
            hint="choose another name; a key is never overwritten",
        )
    passphrase = read_passphrase(passphrase_file) if passphrase_file else None
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        if passphrase is None:
            apptainer.new_pair(temporary, name=name, email=email, comment=comment, bits=bits)
        else:
            certificate = gnupg.generate(
                name=name,
                email=email,
                passphrase=passphrase,
                days=valid_days,
                keyring=(temporary / apptainer.PUBLIC_RING, temporary / apptainer.SECRET_RING),
            )
            write_secret(revocation_file(folder), certificate)
        key = open_key(temporary)
        export_public(temporary, public)
        temporary.rename(folder)
        sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    revocation = revocation_file(folder) if passphrase else None
    return KeyInfo(name, key.fingerprint, public, folder, revocation)


def open_key(folder: Path, *, passphrase_file: Path | None = None) -> FolderKey:
    """Return the one key of a private folder.

    Raises:
        UserError: others can look into the folder, or there is not exactly one key in it.
    """
    apptainer.check_folder(folder)
    fingerprints = apptainer.secret_fingerprints(folder)
    if len(fingerprints) != 1:
        raise UserError(
            f"{folder} holds {len(fingerprints) or 'no'} private keys, one is expected",
            hint="make a folder with one key: pansoft trust keygen",
        )
    facts = gnupg.read_key(folder / apptainer.PUBLIC_RING)
    if facts.fingerprint != fingerprints[0]:
        raise UserError(f"the public and the private key in {folder} are not a pair")
    return FolderKey(folder, fingerprints[0], 0, facts, passphrase_file)


def extend(key: FolderKey, *, days: int) -> bytes:
    """Give a key another expiry date, counted from today, and return its armored public half.

    A crash leaves the old key or the new one: they differ in nothing but the date.

    Raises:
        UserError: it has no passphrase, so it is a local key, which does not end.
    """
    passphrase = key.passphrase()
    if passphrase is None:
        raise UserError(
            f"the key in {key.folder} is extended with its passphrase",
            hint="--passphrase-file FILE; a local key has none and does not end",
        )
    rings = (key.folder / apptainer.PUBLIC_RING, key.folder / apptainer.SECRET_RING)
    new = (key.folder / ".new-public", key.folder / ".new-secret")
    try:
        gnupg.extend(key.fingerprint, days=days, passphrase=passphrase, keyring=rings, to=new)
        for fresh, ring in zip(new, rings, strict=True):
            fresh.replace(ring)
    finally:
        for fresh in new:
            fresh.unlink(missing_ok=True)
    return armors.armor("PUBLIC KEY BLOCK", rings[0].read_bytes())


def check_holder(name: str, email: str) -> None:
    """Refuse a holder that gpg would misread.

    Raises:
        UserError: the name or the address will not do.
    """
    if not re.fullmatch(r"[^<>()\x00-\x1f\x7f]{2,80}", name) or name != name.strip():
        raise UserError(
            "a key holder's name has 2 to 80 characters, without < > ( )",
            hint='for example: --name "ESRF release"',
        )
    if not re.fullmatch(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+", email):
        raise UserError(f"'{email}' is not an e-mail address", hint="--email you@example.org")


def export_public(folder: Path, public: Path) -> None:
    """Write the armored public half of a private folder's key to a file, where it is not there yet."""
    text = armors.armor("PUBLIC KEY BLOCK", (folder / apptainer.PUBLIC_RING).read_bytes())
    if not public.is_file() or public.read_bytes() != text:
        write_atomic(public, text)
