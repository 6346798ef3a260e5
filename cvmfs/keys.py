# SPDX-License-Identifier: BSD-3-Clause
"""The keys of a repository: a master key that signs whitelists, a repository key that signs manifests.

The master key belongs in a safe; publishing needs the repository key and its certificate only. Clients hold
the master key's public half. The files have the names that the genuine server gives them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes as digests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from core.errors import UserError
from core.files import write_atomic
from cvmfs.paths import repository_name

KEY_BITS = 2048
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
        raise UserError(f"{certificate_file} is the certificate of another key than {fqrn}.key")
    master_file = folder / f"{fqrn}.masterkey"
    return RepositoryKeys(
        fqrn=fqrn,
        repository_key=key,
        certificate=certificate,
        public_key=folder / f"{fqrn}.pub",
        master_key=_load_private(master_file) if master_file.exists() else None,
    )


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
    try:
        key = serialization.load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise UserError(f"{file} is not an unencrypted private key in PEM: {err}") from err
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UserError(f"{file} is not an RSA key; CVMFS knows no other")
    return key


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
