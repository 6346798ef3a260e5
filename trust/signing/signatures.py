# SPDX-License-Identifier: BSD-3-Clause
"""Signatures inside a SIF file, by genuine `apptainer sign` and `apptainer verify`.

What must hold, and who sees to it:

- every object that is not a signature is in a group that is signed as a whole (here, then Apptainer)
- every signature is PGP: with an X.509 one the Execution Control List refuses the image (here)
- every signature is good and by one of the given keys (Apptainer)

Bytes that belong to no object are not Apptainer's business; `trust.signing.statements` covers those.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import Refused, UserError
from trust.keys.key import SigningKey
from trust.programs import apptainer, armors
from trust.signing import sif
from trust.signing.sif import Sif, SifObject

_GROUP_FLAG = 0xF0000000
_PGP = b"-----BEGIN PGP SIGNED MESSAGE-----"


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """Whose signatures a SIF file carries, all of them good, and the objects they cover."""

    fingerprints: tuple[str, ...]
    objects: tuple[str, ...]


def sign_sif(path: Path, key: SigningKey) -> None:
    """Sign all objects of a SIF file, in place.

    Raises:
        Refused: it is not a SIF file, or is signed already.
        UserError: the key could not sign.
    """
    layout = sif.read(path)
    if layout.signatures:
        raise Refused(f"{path} is signed already", hint="sign the image that pansoft build made")
    key.sign_sif(path)


def verify_sif(path: Path, *, public_keys: Sequence[Path]) -> SignatureReport:
    """Return whose good signatures cover every object of a SIF file.

    Args:
        path: the file; it is only read.
        public_keys: armored or binary key files. No other key is known, none is looked up.

    Raises:
        Refused: altered, cut short, unsigned, partly signed, or by another key; it says which.
    """
    layout = sif.read(path)
    _check_coverage(layout)
    rings = [_public_key(file) for file in public_keys]
    answer = apptainer.verify(path, public_keys=rings)
    if not answer.good:
        raise _refusal(layout, answer.said)
    contents = layout.contents
    if len(answer.objects) < len(contents) or not all(
        each.key_known and each.data_good for each in answer.objects
    ):
        raise Refused(f"{path.name}: Apptainer did not verify every object")
    seen = {each.fingerprint for each in answer.objects}
    if seen != {each.fingerprint for each in layout.signatures}:
        raise Refused(f"{path.name}: a signature names another key than the one that made it")
    return SignatureReport(tuple(sorted(seen)), tuple(each.title for each in contents))


def _check_coverage(layout: Sif) -> None:
    name = layout.path.name
    if not layout.contents:
        raise Refused(f"{name} holds nothing")
    if not layout.signatures:
        raise Refused(f"{name} is not signed", hint="pansoft sign NAME signs an image")
    for signature in layout.signatures:
        _check_kind(layout, signature)
    signed = {each.link & ~_GROUP_FLAG for each in layout.signatures}
    for each in layout.contents:
        if each.group is None or each.group not in signed:
            raise Refused(f"{name}: no signature covers {each.title}")


def _check_kind(layout: Sif, signature: SifObject) -> None:
    name = layout.path.name
    text = sif.signature_text(layout, signature)
    if text.lstrip().startswith(b"{"):
        raise Refused(
            f"{name}: {signature.title} is an X.509 (DSSE) signature; images carry PGP only, "
            "because Apptainer's Execution Control List refuses the others",
            hint="pansoft sign makes a PGP signature",
        )
    if not text.startswith(_PGP):
        raise Refused(f"{name}: {signature.title} was altered: it is not a PGP signature")
    if signature.link & _GROUP_FLAG != _GROUP_FLAG:
        raise Refused(f"{name}: {signature.title} covers one object, not the whole group")


def _refusal(layout: Sif, said: str) -> Refused:
    """Explain Apptainer's no. Only a signature that is good itself can say what else was altered."""
    name = layout.path.name
    if "unknown entity" in said:
        keys = ", ".join(sorted({each.fingerprint for each in layout.signatures}))
        return Refused(
            f"{name} is signed by the key {keys}, which the policy does not list",
            hint="is this the right policy? pansoft trust status shows whose signatures count",
        )
    if "key expired" in said:
        return Refused(f"{name} is signed by a key that has expired")
    if broken := re.search(r"signature object (\d+) not valid", said):
        return Refused(f"{name}: data object {broken[1]} (signature) was altered ({said})")
    found = sif.differences(layout)
    if found:
        return Refused(f"{name}: {'; '.join(found)}")
    return Refused(f"{name} is refused by Apptainer: {said or 'it gives no reason'}")


def _public_key(file: Path) -> bytes:
    try:
        return armors.dearmor(file.read_bytes())
    except OSError as err:
        raise UserError(f"the public key {file} cannot be read: {err.strerror}") from err
    except UserError as err:
        raise UserError(f"{file} is not a public PGP key") from err
