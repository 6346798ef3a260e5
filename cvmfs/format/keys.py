# SPDX-License-Identifier: BSD-3-Clause
"""The keys of a repository: a master key that signs whitelists, a repository key that signs manifests.

The master key belongs in a safe; publishing needs the repository key and its certificate only. Clients hold
the master key's public half. The files have the names that the genuine server gives them.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes as digests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from core.errors import UserError
from core.files import sync_folder, write_atomic
from cvmfs.format.paths import repository_name

KEY_BITS = 2048
_OTHERS = 0o077
CERTIFICATE_VALID = timedelta(days=365)
"""The genuine server's; clients do not look at the date unless the whitelist asks for the chain."""


@dataclass(frozen=True, slots=True)
class RepositoryKeys:
    """What signs for a repository; `master_key` is None where only publishing is done."""

    fqrn: str
    repository_key: rsa.RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate = field(repr=False)
    public_key: Path
    master_key: rsa.RSAPrivateKey | None = field(repr=False, default=None)

    @property
    def certificate_pem(self) -> bytes:
        """Return the certificate as it is stored in the repository."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def master(self) -> rsa.RSAPrivateKey:
        """Return the master key.

        Raises:
            UserError: it is not in this folder of keys.
        """
        if self.master_key is None:
            raise UserError(
                f"the master key {self.fqrn}.masterkey is not here; only it can sign a whitelist",
                hint="do this where the master key is kept",
            )
        return self.master_key


def create_keys(folder: Path, fqrn: str, *, at: datetime) -> RepositoryKeys:
    """Make new keys in `folder` and return them: `<fqrn>.masterkey`, `.key` (mode 0600), `.crt`, `.pub`.

    Raises:
        UserError: there are keys of this name already; they are never overwritten.
    """
    repository_name(fqrn)
    for ending in ("masterkey", "key", "crt", "pub"):
        if (folder / f"{fqrn}.{ending}").exists():
            raise UserError(
                f"{folder / fqrn}.{ending} exists already and is not overwritten",
                hint="give another folder, or move the old keys away if you are sure that nobody needs them",
            )
    folder.mkdir(parents=True, exist_ok=True)
    master_key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    repository_key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    certificate = _self_signed(repository_key, fqrn, at)
    write_atomic(folder / f"{fqrn}.masterkey", _private_pem(master_key), mode=0o600)
    write_atomic(folder / f"{fqrn}.key", _private_pem(repository_key), mode=0o600)
    write_atomic(folder / f"{fqrn}.crt", certificate.public_bytes(serialization.Encoding.PEM))
    write_atomic(folder / f"{fqrn}.pub", _public_pem(master_key.public_key()))
    return load_keys(folder, fqrn)


def load_keys(folder: Path, fqrn: str) -> RepositoryKeys:
    """Return the keys in `folder`; the master key may be missing.

    Raises:
        UserError: the repository key or its certificate is missing, unreadable, or they do not fit together.
    """
    repository_name(fqrn)
    key = _load_private(folder / f"{fqrn}.key")
    certificate_file = folder / f"{fqrn}.crt"
    try:
        certificate = x509.load_pem_x509_certificate(_read(certificate_file))
    except ValueError as err:
        raise UserError(f"{certificate_file} is not a certificate in PEM: {err}") from err
    if certificate.public_key() != key.public_key():
        raise UserError(
            f"{certificate_file} is the certificate of another key than {fqrn}.key",
            hint="if a new key was being introduced, go on with it: pansoft repo rekey"
            if certificate_file.with_suffix(".crt.next").exists()
            else None,
        )
    master_file = folder / f"{fqrn}.masterkey"
    return RepositoryKeys(
        fqrn=fqrn,
        repository_key=key,
        certificate=certificate,
        public_key=folder / f"{fqrn}.pub",
        master_key=_load_private(master_file) if master_file.exists() else None,
    )


def rotate_key(
    folder: Path, fqrn: str, *, at: datetime, introduce: Callable[[RepositoryKeys], None]
) -> RepositoryKeys:
    """Replace the repository key in `folder` by a new one with its certificate, and return the keys.

    `introduce` has to make the new keys known, beside those that are used still, before they take their
    place. Broken off anywhere and called again, it goes on with the key that it had made.

    Raises:
        UserError: there are no keys to replace, or the master key is not there.
    """
    key_file, certificate_file = folder / f"{fqrn}.key", folder / f"{fqrn}.crt"
    next_key, next_certificate = folder / f"{fqrn}.key.next", folder / f"{fqrn}.crt.next"
    if next_certificate.exists() and not next_key.exists():  # broken off between the renames
        next_certificate.replace(certificate_file)
        return load_keys(folder, fqrn)
    old = load_keys(folder, fqrn)
    old.master()
    if not next_certificate.exists():
        # it is written last: without it the key is not known to anybody
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        write_atomic(next_key, _private_pem(key), mode=0o600)
        certificate = _self_signed(key, fqrn, at)
        write_atomic(next_certificate, certificate.public_bytes(serialization.Encoding.PEM))
    new = replace(
        old,
        repository_key=_load_private(next_key),
        certificate=x509.load_pem_x509_certificate(_read(next_certificate)),
    )
    introduce(new)
    next_key.replace(key_file)
    next_certificate.replace(certificate_file)
    sync_folder(folder)
    return load_keys(folder, fqrn)


def load_public_key(file: Path) -> rsa.RSAPublicKey:
    """Return the master public key in a PEM file: all that a client has to trust.

    Raises:
        UserError: it is missing or not an RSA public key.
    """
    try:
        key = serialization.load_pem_public_key(_read(file))
    except (ValueError, UnsupportedAlgorithm) as err:
        raise UserError(f"{file} is not a public key in PEM: {err}") from err
    if not isinstance(key, rsa.RSAPublicKey):
        raise UserError(f"{file} is not an RSA key; CVMFS knows no other")
    return key


def _self_signed(key: rsa.RSAPrivateKey, fqrn: str, at: datetime) -> x509.Certificate:
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"{fqrn} CernVM-FS Release Managers")]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at)
        .not_valid_after(at + CERTIFICATE_VALID)
        .sign(key, digests.SHA256())
    )


def _load_private(file: Path) -> rsa.RSAPrivateKey:
    _check_private(file)
    try:
        key = serialization.load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise UserError(f"{file} is not an unencrypted private key in PEM: {err}") from err
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UserError(f"{file} is not an RSA key; CVMFS knows no other")
    return key


def _check_private(file: Path) -> None:
    """Refuse a private key that others on this machine may read."""
    with contextlib.suppress(OSError):  # said when it is read
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & _OTHERS:
            raise UserError(
                f"others may read the private key {file}: its mode is {mode:04o}",
                hint=f"chmod 600 {file}",
            )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as err:
        raise UserError(f"cannot read {file}: {err.strerror}") from err


def _private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_pem(key: rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
