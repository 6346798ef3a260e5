# SPDX-License-Identifier: BSD-3-Clause
"""An X.509 authority written once: a root, one below it, holders, revocation lists; all P-256."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass
class TestAuthority:
    """A root and an authority below it that issues to holders; `begins` is the first moment of all."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    name: str
    begins: datetime
    root_key: ec.EllipticCurvePrivateKey = field(init=False)
    key: ec.EllipticCurvePrivateKey = field(init=False)
    root: x509.Certificate = field(init=False)
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.key = ec.generate_private_key(ec.SECP256R1())
        root, below = _name(f"{self.name} root"), _name(f"{self.name} issuing")
        self.root = self._issue(root, self.root_key.public_key(), root, self.root_key, ca=True)
        self.certificate = self._issue(below, self.key.public_key(), root, self.root_key, ca=True)

    def issue(
        self,
        subject: str,
        public: PublicKey,
        *,
        days: int = 30,
        signs: bool = True,
        ca: bool = False,
    ) -> bytes:
        """Return the chain of a new holder in PEM: the holder's certificate and the one below the root."""
        leaf = self._issue(
            _name(subject),
            public,
            self.certificate.subject,
            self.key,
            ca=ca,
            days=days,
            signs=signs,
        )
        return pem(leaf) + pem(self.certificate)

    def lists(
        self, *, revoked: Sequence[bytes] = (), days: int = 30, below_root: bool = False
    ) -> bytes:
        """Return both revocation lists in PEM.

        Args:
            revoked: chains of holders whose certificates are named.
            days: until the lists are out of date.
            below_root: whether the root's list names the authority below it.
        """
        serials = [x509.load_pem_x509_certificates(chain)[0].serial_number for chain in revoked]
        gone = [self.certificate.serial_number] if below_root else []
        return self._list(self.root.subject, self.root_key, gone, days) + self._list(
            self.certificate.subject, self.key, serials, days
        )

    def write(self, folder: Path, name: str, *, lists: bytes | None = None) -> None:
        """Write the root and the lists as a policy has them: `keys/NAME.pem`, `keys/NAME.crl.pem`."""
        (folder / "keys").mkdir(parents=True, exist_ok=True)
        (folder / "keys" / f"{name}.pem").write_bytes(pem(self.root))
        (folder / "keys" / f"{name}.crl.pem").write_bytes(lists or self.lists())

    def _issue(
        self,
        subject: x509.Name,
        public: PublicKey,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        ca: bool,
        days: int = 365,
        signs: bool = True,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.begins)
            .not_valid_after(self.begins + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(_usage(ca=ca, signs=signs), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()),
                critical=False,
            )
        )
        return builder.sign(key, hashes.SHA256())

    def _list(
        self,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        serials: Sequence[int],
        days: int,
    ) -> bytes:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer)
            .last_update(self.begins)
            .next_update(self.begins + timedelta(days=days))
        )
        for serial in serials:
            named = x509.RevokedCertificateBuilder().serial_number(serial)
            builder = builder.add_revoked_certificate(named.revocation_date(self.begins).build())
        made = builder.sign(key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def write_key(
    file: Path, key: ec.EllipticCurvePrivateKey, *, passphrase: str | None = None
) -> Path:
    """Write a private key as a person keeps it: PEM, mode 600."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    return file


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, ca: bool, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs and not ca,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
