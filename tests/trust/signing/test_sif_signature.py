# SPDX-License-Identifier: BSD-3-Clause
"""A signature that is put into a SIF file here is Apptainer's own, but for who made it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Refused
from tests.trust.conftest import NOW, run
from trust.keys.folder import FolderKey
from trust.signing import sif, sif_signature, signatures

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs")

Copy = Callable[[Path], Path]
FINGERPRINT = "AB" * 20
TEXT = b"-----BEGIN PGP SIGNED MESSAGE-----\nnot a real one\n"


def message_in(path: Path) -> object:
    """Return the JSON that the one signature of a file is about."""
    layout = sif.read(path)
    [signature] = layout.signatures
    text = sif.signature_text(layout, signature)
    return json.loads(text.partition(b"\n\n")[2].partition(b"\n-----BEGIN PGP")[0])


def test_the_message_is_the_one_that_apptainer_signs(
    unsigned: Path, key: FolderKey, copy_of: Copy, tmp_path: Path
) -> None:
    said: list[bytes] = []
    mine = copy_of(unsigned)
    theirs = tmp_path / "theirs.sif"
    theirs.write_bytes(unsigned.read_bytes())

    def cleartext(text: bytes) -> bytes:
        said.append(text)
        return TEXT

    sif_signature.sign(mine, fingerprint=FINGERPRINT, at=NOW, cleartext=cleartext)
    signatures.sign_sif(theirs, key)

    assert json.loads(said[0]) == message_in(theirs)


def test_the_object_is_the_one_that_apptainer_adds(
    unsigned: Path, key: FolderKey, copy_of: Copy, tmp_path: Path
) -> None:
    mine, theirs = copy_of(unsigned), tmp_path / "theirs.sif"
    theirs.write_bytes(unsigned.read_bytes())

    sif_signature.sign(mine, fingerprint=FINGERPRINT, at=NOW, cleartext=lambda _: TEXT)
    signatures.sign_sif(theirs, key)

    [ours], [real] = sif.read(mine).signatures, sif.read(theirs).signatures
    assert (ours.id, ours.kind, ours.group, ours.link, ours.offset, ours.slot, ours.name) == (
        *(real.id, real.kind, real.group, real.link, real.offset, real.slot, real.name),
    )
    assert (ours.fingerprint, ours.size) == (FINGERPRINT, len(TEXT))
    for place in ("<q", 80), ("<q", 88):  # free and all descriptors
        assert _number(mine, *place) == _number(theirs, *place)
    added = mine.stat().st_size - unsigned.stat().st_size
    assert added == len(TEXT)
    assert _number(mine, "<q", 120) == _number(unsigned, "<q", 120) + added


def _number(path: Path, form: str, offset: int) -> int:
    (number,) = struct.unpack_from(form, path.read_bytes(), offset)
    return int(number)


@pytest.mark.parametrize("group", [("--groupid", "2"), ()], ids=["of its own", "none"])
def test_objects_in_several_groups_are_not_signed_in_part(
    unsigned: Path, copy_of: Copy, tmp_path: Path, group: tuple[str, ...]
) -> None:
    (tmp_path / "extra").write_text("more")
    path = copy_of(unsigned)
    run("apptainer", "sif", "add", path, tmp_path / "extra", "--datatype", "7", *group)
    before = path.read_bytes()

    with pytest.raises(Refused, match="its objects are not in one group"):
        sif_signature.sign(path, fingerprint=FINGERPRINT, at=NOW, cleartext=lambda _: TEXT)

    assert path.read_bytes() == before


def test_a_key_that_does_not_sign_leaves_the_file_as_it_was(unsigned: Path, copy_of: Copy) -> None:
    path = copy_of(unsigned)

    def cleartext(_: bytes) -> bytes:
        raise Refused("the token is gone")

    with pytest.raises(Refused, match="the token is gone"):
        sif_signature.sign(path, fingerprint=FINGERPRINT, at=NOW, cleartext=cleartext)

    assert path.read_bytes() == unsigned.read_bytes()
