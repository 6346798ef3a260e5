# SPDX-License-Identifier: BSD-3-Clause
"""Genuine signatures in a genuine SIF: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core import process
from core.errors import Refused, UserError
from tests.trust.conftest import public, run
from trust.keys import FolderKey
from trust.programs import apptainer
from trust.signing import sif
from trust.signing.signatures import sign_sif, verify_sif

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs")

Copy = Callable[[Path], Path]


@pytest.fixture(scope="session")
def signed(unsigned: Path, key: FolderKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("a folder with spaces") / "signed image.sif"
    path.write_bytes(unsigned.read_bytes())
    sign_sif(path, key)
    return path


def test_a_signed_image_names_its_key_and_every_object(signed: Path, key: FolderKey) -> None:
    report = verify_sif(signed, public_keys=[public(key)])

    assert report.fingerprints == (key.fingerprint,)
    assert report.objects == (
        "data object 1 (definition)",
        "data object 2 (primary partition 'base')",
        "data object 3 (overlay partition 'delta')",
    )


def test_apptainer_itself_accepts_it(signed: Path, key: FolderKey) -> None:
    done = subprocess.run(
        ["apptainer", "verify", "--local", signed],
        env={**os.environ, "APPTAINER_KEYSDIR": str(key.folder)},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_an_unsigned_image_is_refused(unsigned: Path, key: FolderKey) -> None:
    with pytest.raises(Refused, match="is not signed"):
        verify_sif(unsigned, public_keys=[public(key)])


def test_an_image_is_not_signed_twice(signed: Path, other_key: FolderKey, copy_of: Copy) -> None:
    with pytest.raises(Refused, match="is signed already"):
        sign_sif(copy_of(signed), other_key)


def test_an_unknown_key_is_refused_and_named(
    signed: Path, key: FolderKey, other_key: FolderKey
) -> None:
    for known in ([public(other_key)], []):
        with pytest.raises(Refused, match=f"signed by the key {key.fingerprint}, which the policy"):
            verify_sif(signed, public_keys=known)


def test_a_second_signature_by_an_unknown_key_is_refused(
    signed: Path, key: FolderKey, other_key: FolderKey, copy_of: Copy
) -> None:
    path = copy_of(signed)
    apptainer.sign(path, keys=other_key.folder, index=0, passphrase=None)

    with pytest.raises(Refused, match="which the policy does not list"):
        verify_sif(path, public_keys=[public(key)])
    both = verify_sif(path, public_keys=[public(key), public(other_key)])
    assert both.fingerprints == tuple(sorted((key.fingerprint, other_key.fingerprint)))


@pytest.mark.parametrize(
    ("part", "refusal"),
    [
        ("the header", "makes no sense|the header was altered|unknown version|not a SIF"),
        ("data object 1 (definition)", r"data object 1 \(definition\) was altered"),
        (
            "data object 2 (primary partition 'base')",
            r"data object 2 \(primary partition 'base'\) was altered",
        ),
        (
            "data object 3 (overlay partition 'delta')",
            r"data object 3 \(overlay partition 'delta'\) was altered",
        ),
        ("data object 4 (signature)", r"signature.* was altered"),
    ],
)
def test_an_altered_object_is_refused_and_named(
    signed: Path, key: FolderKey, copy_of: Copy, part: str, refusal: str
) -> None:
    path = copy_of(signed)
    place = next(each for each in sif.parts(sif.read(path)) if each.name == part)
    raw = bytearray(path.read_bytes())
    raw[place.offset + place.size // 3] ^= 0x01
    path.write_bytes(raw)

    with pytest.raises(Refused, match=refusal):
        verify_sif(path, public_keys=[public(key)])


def test_an_altered_descriptor_is_refused_and_named(
    signed: Path, key: FolderKey, copy_of: Copy
) -> None:
    path = copy_of(signed)
    raw = bytearray(path.read_bytes())
    raw[4096 + 585 * 2 + 73] ^= 0x01  # the first letter of the overlay partition's name
    path.write_bytes(raw)

    with pytest.raises(Refused, match=r"descriptor of data object 3 \(overlay partition 'eelta'\)"):
        verify_sif(path, public_keys=[public(key)])


def test_an_object_added_later_is_refused(
    signed: Path, key: FolderKey, copy_of: Copy, tmp_path: Path
) -> None:
    extra = tmp_path / "extra"
    extra.write_text("more")
    path = copy_of(signed)
    run("apptainer", "sif", "add", path, extra, "--datatype", "7", "--groupid", "1")

    with pytest.raises(Refused, match=r"data object 5 \(generic.*no signature covers it"):
        verify_sif(path, public_keys=[public(key)])


@pytest.mark.parametrize("group", [("--groupid", "2"), ()], ids=["of its own", "none"])
def test_an_object_in_another_group_is_refused(
    signed: Path, key: FolderKey, copy_of: Copy, tmp_path: Path, group: tuple[str, ...]
) -> None:
    extra = tmp_path / "extra"
    extra.write_text("more")
    path = copy_of(signed)
    run("apptainer", "sif", "add", path, extra, "--datatype", "7", *group)

    with pytest.raises(Refused, match="no signature covers data object 5"):
        verify_sif(path, public_keys=[public(key)])


def test_an_image_with_an_x509_signature_is_refused(
    signed: Path, key: FolderKey, copy_of: Copy, tmp_path: Path
) -> None:
    pem = tmp_path / "key.pem"
    run("openssl", "genpkey", "-algorithm", "ed25519", "-out", pem)
    path = copy_of(signed)
    run("apptainer", "sign", "--key", pem, path)

    with pytest.raises(Refused, match=r"X.509 \(DSSE\) signature; images carry PGP only"):
        verify_sif(path, public_keys=[public(key)])


@pytest.mark.parametrize("size", [0, 10, 50, 127, 128, 4096, 9000, 33000, -1])
def test_a_truncated_image_is_refused(
    signed: Path, key: FolderKey, copy_of: Copy, size: int
) -> None:
    path = copy_of(signed)
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(Refused, match=r"cut short|is not a SIF file"):
        verify_sif(path, public_keys=[public(key)])


def test_what_is_no_image_is_refused(key: FolderKey, tmp_path: Path) -> None:
    text = tmp_path / "text.sif"
    text.write_text("hello " * 100)
    pipe = tmp_path / "pipe.sif"
    os.mkfifo(pipe)

    for path in (text, pipe, tmp_path, tmp_path / "none.sif"):
        with pytest.raises(Refused, match=r"is not a SIF file|is not a file"):
            verify_sif(path, public_keys=[public(key)])


def test_a_descriptor_table_that_lies_is_refused(signed: Path, copy_of: Copy) -> None:
    whole = signed.read_bytes()
    lies = {
        "makes no sense": (88, struct.pack("<q", 1 << 40)),
        "lies over something else": (4096 + 585 + 17, struct.pack("<q", 10)),
        "cut short": (4096 + 585 + 25, struct.pack("<q", 1 << 50)),
        "descriptor 2": (4096 + 585 + 5, struct.pack("<I", 1)),
    }
    for reason, (offset, lie) in lies.items():
        path = copy_of(signed)
        path.write_bytes(whole[:offset] + lie + whole[offset + len(lie) :])

        with pytest.raises(Refused, match=reason):
            sif.read(path)


def test_a_read_only_folder_and_no_home_are_enough(
    signed: Path, key: FolderKey, copy_of: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copy_of(signed)
    path.chmod(0o444)
    path.parent.chmod(0o555)
    monkeypatch.delenv("HOME", raising=False)

    report = verify_sif(path, public_keys=[public(key)])

    path.parent.chmod(0o755)
    assert report.fingerprints == (key.fingerprint,)


def test_the_keyring_of_the_caller_has_no_say(
    signed: Path, key: FolderKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTAINER_KEYSDIR", str(key.folder))

    with pytest.raises(Refused, match="which the policy does not list"):
        verify_sif(signed, public_keys=[])


def test_an_expired_key_is_refused(unsigned: Path, copy_of: Copy, tmp_path: Path) -> None:
    home = tmp_path / "gnupg"
    folder = tmp_path / "keys"
    home.mkdir(mode=0o700)
    folder.mkdir(mode=0o700)
    gpg: tuple[str | Path, ...] = (
        *("gpg", "--homedir", home),
        *("--batch", "--pinentry-mode", "loopback", "--passphrase", ""),
    )
    run(
        *(*gpg, "--faked-system-time", "20250101T000000", "--quick-generate-key"),
        *("Old <old@example.org>", "rsa2048", "sign", "30d"),
    )
    run(*gpg, "--output", folder / "pgp-secret", "--export-secret-keys")
    run(*gpg, "--output", folder / "pgp-public", "--export")
    process.run(["gpgconf", "--homedir", home, "--kill", "all"], reason="end the test")
    path = copy_of(unsigned)
    apptainer.sign(path, keys=folder, index=0, passphrase=None)

    with pytest.raises(Refused, match="expired"):
        verify_sif(path, public_keys=[folder / "pgp-public"])


def test_a_public_key_file_that_is_none_is_the_users_to_mend(signed: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.asc"
    wrong.write_text("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")

    with pytest.raises(UserError, match=r"wrong.asc is not a public PGP key"):
        verify_sif(signed, public_keys=[wrong])
    with pytest.raises(UserError, match="cannot be read"):
        verify_sif(signed, public_keys=[tmp_path / "none.asc"])
