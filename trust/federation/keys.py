# SPDX-License-Identifier: BSD-3-Clause
"""Keys of the federation: whose a public one is, where the secret one lies, made and opened.

A key stands in the metadata as The Update Framework has it, with one field more, `x-pansoft-facility`: the
facility that holds it. Thresholds count keys; that they count facilities is held by `rules`.

The secret half is a file (PEM, PKCS#8, Ed25519 when we make it, encrypted where a passphrase is given), or
lies in a token (PKCS#11), which a small file describes:

    kind: pkcs11
    module: /usr/lib/softhsm/libsofthsm2.so
    token: ESRF root
    id: 2
    pin_file: /root/pin
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, HSMSigner, Key, Signature, Signer, SSlibKey

from core.errors import InvalidInput, UserError
from core.files import write_atomic
from core.problems import errors
from core.schema import Schema, validate
from core.strict_yaml import load
from trust.keys.secret_files import check_private, read_passphrase, read_secret

FACILITY: Final = "x-pansoft-facility"
ONLINE: Final = "online"
"""In place of a facility: the key of the pipeline that signs timestamp and snapshot."""

FederationKey: TypeAlias = Key
"""A public key, for those who may not know the library."""

_MODULE_VARIABLE = "PYKCS11LIB"  # securesystemslib takes the module from there and nowhere else

_TOKEN: Final[Schema] = {
    "kind": {
        "type": "string",
        "required": True,
        "allowed": ["pkcs11"],
        "meta": {"description": "Where the secret key is."},
    },
    "module": {
        "type": "string",
        "required": True,
        "meta": {"description": "The library of the token's maker."},
    },
    "token": {"type": "string", "required": True, "meta": {"description": "The token's label."}},
    "id": {
        "type": "integer",
        "required": True,
        "min": 1,
        "meta": {"description": "The number of the key in the token."},
    },
    "pin_file": {
        "type": "string",
        "required": True,
        "meta": {"description": "A file with the PIN, which nobody else can read."},
    },
}


@dataclass(frozen=True, slots=True)
class _TokenSigner(Signer):
    """A key in a token: securesystemslib's signer, with the module it needs in the environment."""

    module: str
    inner: HSMSigner

    @property
    def public_key(self) -> Key:
        """Return the public half."""
        return self.inner.public_key

    @classmethod
    def from_priv_key_uri(cls, *_: object, **__: object) -> Signer:
        """Refuse: keys are opened by `open_signer`."""
        raise NotImplementedError

    def sign(self, payload: bytes) -> Signature:
        """Return the token's signature.

        Raises:
            UserError: the token does not sign.
        """
        try:
            with _module(self.module):
                return self.inner.sign(payload)
        except UserError:
            raise
        except Exception as err:  # noqa: BLE001 - each maker's library has exceptions of its own
            raise UserError(
                f"the token '{self.inner.token_label}' did not sign: {str(err) or type(err).__name__}",
                hint="is it there, and is its PIN right? Many tokens lock after three wrong ones",
            ) from None


def facility_of(key: Key) -> str:
    """Return the facility that holds a key; of metadata that others made, the key's id."""
    name = key.unrecognized_fields.get(FACILITY)
    return name if isinstance(name, str) else f"key {key.keyid[:8]}"


def make_key(file: Path, public: Path, *, passphrase_file: Path | None) -> str:
    """Make a key pair and return its id; an existing key is never overwritten.

    Args:
        file: where the secret key goes, mode 600, in a folder of mode 700 where it has to be made.
        public: where the public key goes, in PEM.
        passphrase_file: holds the passphrase; without it the key is not encrypted, for a pipeline.

    Raises:
        UserError: there is a key already, or the passphrase file will not do.
    """
    if file.exists():
        raise UserError(
            f"there is a key in {file} already",
            hint="choose another name; a key is never overwritten",
        )
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase_file is not None:
        protection = serialization.BestAvailableEncryption(
            read_passphrase(passphrase_file).encode()
        )
    secret = Ed25519PrivateKey.generate()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )
    write_atomic(file, content, mode=0o600)
    key = secret.public_key()
    write_atomic(
        public,
        key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )
    return SSlibKey.from_crypto(key).keyid


def export_public(token: Path, public: Path) -> str:
    """Write the public half of a key in a token, and return the key's id.

    Raises:
        UserError: the token, or the key in it, cannot be opened.
    """
    key = open_signer(token).public_key
    write_atomic(public, key.keyval["public"])
    return key.keyid


def read_public(file: Path, *, facility: str) -> Key:
    """Return the public key of a PEM file, as a facility's.

    Raises:
        UserError: it is no public key, or of a kind that has no place here.
    """
    try:
        found = SSlibKey.from_crypto(serialization.load_pem_public_key(file.read_bytes()))
    except (OSError, ValueError, TypeError) as err:
        raise UserError(
            f"{file} is not a public key in PEM",
            hint="pansoft trust federation-key writes one",
        ) from err
    found.unrecognized_fields[FACILITY] = facility
    return found


def open_signer(file: Path, *, passphrase_file: Path | None = None) -> Signer:
    """Return what signs with a key: of a PEM file, or of a token that a `.yaml` file describes.

    Raises:
        UserError: others can read the file, the passphrase or PIN is wrong, or there is no such key.
    """
    if file.suffix in {".yaml", ".yml"}:
        return _token(file)
    check_private(file, what="key file")
    secret = read_passphrase(passphrase_file).encode() if passphrase_file else None
    try:
        return CryptoSigner(serialization.load_pem_private_key(file.read_bytes(), secret))
    except TypeError as err:  # its text says which of the two, and nothing of the secret
        wanted = "needs no passphrase" if secret else "is encrypted"
        raise UserError(
            f"the key in {file} {wanted}",
            hint="leave --passphrase-file out" if secret else "name its file: --passphrase-file",
        ) from err
    except (ValueError, OSError) as err:
        raise UserError(
            f"the key in {file} cannot be opened: the passphrase is wrong, or it is no key in PEM"
        ) from None if secret else err


def public_of(signer: Signer) -> str:
    """Return the id of a signer's key."""
    return signer.public_key.keyid


def _token(file: Path) -> Signer:
    document = load(file)
    if problems := errors(validate(document, _TOKEN)):
        raise InvalidInput(problems)
    entry = cast(dict[str, str | int], document.value)
    label, key_id, pin_file = str(entry["token"]), int(entry["id"]), Path(str(entry["pin_file"]))
    pin_file = file.parent / pin_file

    def pin(_: str) -> str:
        return read_secret(pin_file, what="PIN file")

    pin("")  # a PIN that others can read is refused before the token is touched
    try:
        with _module(str(entry["module"])):
            _, public = HSMSigner.import_(key_id, label, pin)
        return _TokenSigner(str(entry["module"]), HSMSigner(key_id, public, pin, label))
    except UserError:
        raise
    except Exception as err:  # noqa: BLE001 - each maker's library has exceptions of its own
        raise UserError(
            f"the key {key_id} of the token '{label}' cannot be opened: {str(err) or type(err).__name__}",
            hint=f"is the token there, and are module, id and PIN in {file} right?",
        ) from None


@contextlib.contextmanager
def _module(path: str) -> Iterator[None]:
    before = os.environ.get(_MODULE_VARIABLE)
    os.environ[_MODULE_VARIABLE] = path
    try:
        yield
    finally:
        if before is None:
            del os.environ[_MODULE_VARIABLE]
        else:
            os.environ[_MODULE_VARIABLE] = before
