# SPDX-License-Identifier: BSD-3-Clause
"""Genuine Apptainer obeys the list that is written here, each time in a mount namespace of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import process
from core.errors import Refused, UserError
from tests.site_machine import SiteMachine, runnable_sif
from trust.programs import apptainer, execution_list, key_ring
from trust.programs.execution_list import Mode
from trust.signing import sif

GENUINE = pytest.mark.needs("apptainer", "busybox", "gpg", "mksquashfs", "unshare")
ONE, TWO = "A" * 40, "B" * 40


class Gpg:
    """A home of GnuPG with keys for a test, and Apptainer's key folders made from them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(mode=0o700)

    def __call__(self, *argv: str | Path, at: datetime | None = None, stdin: str = "") -> str:
        clock = ["--faked-system-time", f"{at:%Y%m%dT%H%M%S}"] if at else []
        common: list[str | Path] = ["gpg", "--homedir", self.home, "--batch", "--quiet", *clock]
        secretly = [
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ]  # of a key that lives for a test
        done = process.run([*common, *secretly, *argv], reason="prepare a key", stdin=stdin)
        return done.stdout

    def new(self, name: str, *, at: datetime | None = None) -> str:
        """Make a key that is good for ten days, and return its fingerprint."""
        address = f"{name}@example.org"
        self("--quick-generate-key", address, "ed25519", "sign", "10d", at=at)
        return self.fingerprint(address)

    def fingerprint(self, address: str) -> str:
        rows = self("--with-colons", "--list-keys", address).splitlines()
        return next(row.split(":")[9] for row in rows if row.startswith("fpr:"))

    def public(self, *fingerprints: str) -> bytes:
        """Return the keys as they are now, in binary form."""
        file = self.home / "exported"
        self("--yes", "--output", file, "--export", *fingerprints)
        return file.read_bytes()

    def sign(self, image: Path, fingerprint: str) -> None:
        folder = self.home / fingerprint
        folder.mkdir(mode=0o700)
        for name, what in (
            (apptainer.PUBLIC_RING, "--export"),
            (apptainer.SECRET_RING, "--export-secret-keys"),
        ):
            self("--output", folder / name, what, fingerprint)
            (folder / name).chmod(0o600)
        apptainer.sign(image, keys=folder, index=0, passphrase=None)

    def revoke(self, fingerprint: str) -> None:
        text = (self.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
        self("--import", stdin=text.replace(":-----BEGIN", "-----BEGIN"))

    def end(self) -> None:
        process.run(["gpgconf", "--homedir", self.home, "--kill", "all"], reason="end the agent")


@dataclass(frozen=True, slots=True)
class Signed:
    """Images by the names of what is wrong with them, the fingerprints, and all keys as they are now."""

    images: dict[str, Path]
    keys: dict[str, str]
    ring: bytes
    without_other: bytes


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    folder = tmp_path_factory.mktemp("list")
    gpg = Gpg(folder / "gnupg")
    past = datetime.now(UTC) - timedelta(days=3)
    keys = {name: gpg.new(name) for name in ("good", "second", "unknown", "revoked")}
    keys["expired"] = gpg.new("expired", at=past)
    plain = runnable_sif(folder / "image")
    images = {"unsigned": plain}
    for name, fingerprint in keys.items():
        images[name] = Path(shutil.copy(plain, plain.with_stem(name)))
        gpg.sign(images[name], fingerprint)
    images["altered"] = altered(images["good"], plain.with_stem("altered"))
    gpg("--quick-set-expire", keys["expired"], "1d", at=past)
    gpg.revoke(keys["revoked"])
    known = [fingerprint for name, fingerprint in keys.items() if name != "unknown"]
    made = Signed(images, keys, gpg.public(*keys.values()), gpg.public(*known))
    gpg.end()
    return made


def altered(image: Path, copy: Path) -> Path:
    """Return a copy of an image with one bit changed in the middle of its file system."""
    shutil.copy(image, copy)
    content = bytearray(copy.read_bytes())
    (system,) = sif.read(image).contents
    content[system.offset + system.size // 2] ^= 1
    copy.write_bytes(content)
    return copy


@pytest.fixture
def site(tmp_path: Path) -> Callable[[Sequence[str], Mode, bytes], SiteMachine]:
    def configured(fingerprints: Sequence[str], mode: Mode, ring: bytes) -> SiteMachine:
        (tmp_path / execution_list.FILE_NAME).write_text(
            execution_list.text(fingerprints, mode=mode), encoding="utf-8"
        )
        (tmp_path / key_ring.FILE_NAME).write_bytes(ring)
        return SiteMachine(tmp_path)

    return configured


@GENUINE
def test_a_signed_image_runs_and_no_other(
    signed: Signed, site: Callable[[Sequence[str], Mode, bytes], SiteMachine]
) -> None:
    machine = site([signed.keys["good"]], Mode.WHITELIST, signed.without_other)

    ended = {name: machine.runs(image) for name, image in signed.images.items()}

    assert {name: done.stdout for name, done in ended.items() if done.returncode == 0} == {
        "good": "ran\n"
    }
    said = {name: done.stderr.partition("with ECL: ")[2].strip() for name, done in ended.items()}
    assert said == {
        "good": "",
        "unsigned": "image signature not valid: integrity: signature not found for object group 1",
        "altered": "image signature not valid: integrity: data object integrity compromised: 1",
        **dict.fromkeys(
            ("second", "unknown", "expired", "revoked"), "image not signed by required entities"
        ),
    }


@GENUINE
def test_a_key_that_has_expired_or_was_revoked_does_not_count_although_it_is_listed(
    signed: Signed, site: Callable[[Sequence[str], Mode, bytes], SiteMachine]
) -> None:
    machine = site(list(signed.keys.values()), Mode.WHITELIST, signed.ring)

    runs = {name for name, image in signed.images.items() if machine.runs(image).returncode == 0}

    assert runs == {"good", "second", "unknown"}


@GENUINE
def test_a_listed_key_that_is_not_in_the_ring_is_an_unknown_one(
    signed: Signed, site: Callable[[Sequence[str], Mode, bytes], SiteMachine]
) -> None:
    machine = site(list(signed.keys.values()), Mode.WHITELIST, signed.without_other)

    done = machine.runs(signed.images["unknown"])

    assert (done.returncode != 0, "required entities" in done.stderr) == (True, True)


@GENUINE
def test_the_strict_list_wants_every_key(
    signed: Signed, site: Callable[[Sequence[str], Mode, bytes], SiteMachine]
) -> None:
    both = [signed.keys["good"], signed.keys["second"]]

    alone = site(both[:1], Mode.WHITESTRICT, signed.ring).runs(signed.images["good"])
    wanted = site(both, Mode.WHITESTRICT, signed.ring).runs(signed.images["good"])

    assert (alone.returncode == 0, wanted.returncode == 0) == (True, False)


@GENUINE
def test_a_list_that_is_off_refuses_nothing(
    signed: Signed, site: Callable[[Sequence[str], Mode, bytes], SiteMachine]
) -> None:
    machine = site([], Mode.OFF, b"")

    assert machine.runs(signed.images["unsigned"]).stdout == "ran\n"


def test_the_list_is_the_same_for_the_same_keys() -> None:
    text = execution_list.text([TWO, ONE, TWO], mode=Mode.WHITELIST)

    assert text == execution_list.text([ONE, TWO], mode=Mode.WHITELIST)
    assert text.index(ONE) < text.index(TWO)
    assert execution_list.is_active(text.encode()) is True


def test_the_list_that_is_off_differs_in_one_word() -> None:
    on = execution_list.text([ONE], mode=Mode.WHITELIST)
    off = execution_list.text([ONE], mode=Mode.OFF)

    assert off == on.replace("activated = true", "activated = false")
    assert execution_list.is_active(off.encode()) is False


def test_a_list_that_would_let_nothing_run_is_refused() -> None:
    with pytest.raises(Refused, match="no image at all") as caught:
        execution_list.text([], mode=Mode.WHITELIST)

    assert caught.value.hint is not None


@pytest.mark.parametrize("odd", ["abc", 'A" ]', "a" * 40, ""])
def test_what_is_no_fingerprint_is_not_written(odd: str) -> None:
    with pytest.raises(UserError, match="not the fingerprint"):
        execution_list.text([odd], mode=Mode.OFF)


@pytest.mark.parametrize("content", [b"activated = maybe", b"\xff\xfe"])
def test_a_list_that_cannot_be_read_is_neither_on_nor_off(content: bytes) -> None:
    assert execution_list.is_active(content) is None
