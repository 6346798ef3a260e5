# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft site verify` on a real mount: a yes with its reasons, a no with its own, and nothing fetched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builder.recipes.recipe import Channel
from builder.sign import VERDICT_FILE, read_record
from builder.stages import Fingerprint
from catalog.entry import Signer, write_entry
from core.errors import EXIT_REFUSED, UserError
from cvmfs.mounting.mount import mounted
from cvmfs.publishing.tagging import add_tag
from tests.catalog.samples import entry
from tests.pansoft.site.conftest import SiteMaker
from tests.site_publisher import FQRN, NAMESPACE, NOW, Publisher
from trust.decisions.decision import Decision, Kind
from trust.decisions.log import grown

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "fusermount3")

IMAGE_KIB = 1024
TWO = "images/tiny/2.0"


@pytest.fixture
def mount(publisher: Publisher, site: SiteMaker, tmp_path: Path) -> Iterator[Path]:
    """Give the mount of a publisher's repository, at a site that is set up."""
    site.set_up(publisher, publisher.storage)
    with publisher.mounted(tmp_path) as mounted:
        yield mounted


def asked(site: SiteMaker, mount: Path, *argv: str | Path) -> dict[str, Any]:
    """Return the answer about one version, and check that the exit status says the same."""
    result = site.run("verify", *argv, "--mount", mount, "--json")
    if result.exception is not None:
        raise result.exception
    told: dict[str, Any] = json.loads(result.stdout)
    assert result.return_value == (0 if told["accepted"] else EXIT_REFUSED)
    return told


def accept(site: SiteMaker, old: str, new: str) -> None:
    """Change what the site accepts."""
    file = site.places.policy / "acceptance.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def fetched(mount: Path) -> int:
    """Return how many KiB the client has fetched."""
    return int(os.getxattr(mount, "user.rx"))


def test_a_version_is_accepted_and_nothing_of_it_is_fetched(site: SiteMaker, mount: Path) -> None:
    told = asked(site, mount, "tiny")

    assert (told["accepted"], told["reason"], told["read"]) == (True, None, False)
    assert (told["namespace"], told["name"]) == (NAMESPACE, "tiny")
    assert told["signer"]["name"] == "ESRF release"
    assert "nothing was read" in told["bytes"]
    assert fetched(mount) < IMAGE_KIB / 4  # of catalogs and papers


def test_in_full_every_byte_is_read(site: SiteMaker, mount: Path) -> None:
    told = asked(site, mount, mount / "images/tiny/1.0", "--full")

    assert (told["accepted"], told["version"], told["read"]) == (True, "1.0", True)
    assert fetched(mount) > IMAGE_KIB


def test_the_answer_says_who_and_why(site: SiteMaker, mount: Path) -> None:
    said = site.done("verify", "tiny@2.0", "--mount", mount)

    assert "tiny 2.0: yes, it may be run here" in said
    assert f"published  by {NAMESPACE}" in said
    assert "signed     by ESRF release" in said
    assert "content hashes (sha1) that the CVMFS client shows, nothing was read" in said
    assert "ok  site-namespace: this site accepts the namespace esrf" in said


def test_an_image_that_was_carried_away_is_read(
    site: SiteMaker, mount: Path, publisher: Publisher, tmp_path: Path
) -> None:
    folder = tmp_path / "carried"
    shutil.copytree(publisher.versions["images/tiny/1.0"], folder)

    told = asked(site, mount, folder / "tiny.sif")

    assert (told["accepted"], told["read"]) == (True, True)
    assert "is not on a mount of CVMFS" in told["bytes"] or "has no table" in told["bytes"]


def test_everything_is_answered_in_a_line_each(site: SiteMaker, mount: Path) -> None:
    accept(site, "refuse: []", "refuse:\n  - package: t*\n    reason: it was slow")

    result = site.run("verify", "--mount", mount)

    assert result.return_value == EXIT_REFUSED
    lines = result.stdout.splitlines()
    assert [line.split("  ")[:3] for line in lines] == [
        ["NO", "tiny 1.0", "testing"],
        ["NO", "tiny 2.0", "testing"],
    ]
    assert all("this site refuses tiny: it was slow" in line for line in lines)


def promote(publisher: Publisher, *, plan: str | None = None, signed: bool = True) -> None:
    """Publish tiny 2.0 as promoted to stable, by its entry and, if signed, by the decision log."""
    is_of = read_record(publisher.versions[TWO] / VERDICT_FILE).evidence.plan
    moved = entry(
        "tiny",
        "2.0",
        fqrn=FQRN,
        channel=Channel.STABLE,
        promoted="2026-11-23T12:00:00Z",
        signer=Signer(Fingerprint(publisher.key.fingerprint), "ESRF release"),
    )
    publisher.lies[f"{TWO}/entry.json"] = write_entry(moved)
    if signed:
        decision = Decision(
            Kind.PROMOTE, "tiny 2.0", accepted=True, at=NOW, plan=plan or is_of, note="to stable"
        )
        growth = grown(None, [decision], repository=FQRN, key=publisher.key, at=NOW)
        assert growth is not None
        publisher.lies |= growth.files
    publisher.publish()


def test_a_version_is_in_the_channel_into_which_it_was_promoted(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    promote(publisher)
    site.set_up(publisher, publisher.storage)
    accept(site, 'channels: ["*"]', "channels: [stable]")
    with publisher.mounted(tmp_path) as mount:
        told = asked(site, mount, "tiny@2.0")

        assert (told["accepted"], told["reason"]) == (True, None)
        assert asked(site, mount, "tiny@1.0")["accepted"] is False


@pytest.mark.parametrize(
    "how", [{"signed": False}, {"plan": "a" * 64}], ids=["no-log", "of-another-plan"]
)
def test_a_channel_that_no_signer_vouches_for_does_not_count(
    publisher: Publisher, site: SiteMaker, tmp_path: Path, how: dict[str, Any]
) -> None:
    """Whoever holds the repository's key alone cannot bring a version into another channel."""
    promote(publisher, **how)
    site.set_up(publisher, publisher.storage)
    accept(site, 'channels: ["*"]', "channels: [stable]")
    with publisher.mounted(tmp_path) as mount:
        told = asked(site, mount, "tiny@2.0")

    assert told["accepted"] is False
    assert "accepts the channel stable, not testing" in told["reason"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('namespaces: ["*"]', "namespaces: [ill]", "accepts the namespace ill, not esrf"),
        ('namespaces: ["*"]', "namespaces: []", "accepts the namespace of nobody"),
        ('packages: ["*"]', "packages: [hdf5-*]", "accepts the package hdf5-*, not tiny"),
        ('channels: ["*"]', "channels: [stable]", "accepts the channel stable, not testing"),
        ("forms: [image, tree]", "forms: [tree]", "accepts the form tree, not image"),
        ('signers: ["*"]', 'signers: ["ILL *"]', "this site does not accept the signer"),
        ('facilities: ["*"]', "facilities: [ILL]", "this site does not accept the facility"),
    ],
    ids=["namespace", "no-namespace", "package", "channel", "form", "signer", "facility"],
)
def test_what_the_site_does_not_accept_is_refused(
    site: SiteMaker, mount: Path, old: str, new: str, reason: str
) -> None:
    accept(site, old, new)

    told = asked(site, mount, "tiny")

    assert told["accepted"] is False
    assert reason in told["reason"]


def test_a_signer_of_the_sites_own_counts(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    publisher.lists_key = False
    publisher.publish()
    site.set_up(publisher, publisher.storage)
    with publisher.mounted(tmp_path) as mount:
        before = asked(site, mount, "tiny")
        keys = site.places.policy / "keys"
        shutil.copy(publisher.public, keys / "mine.asc")
        entry = f"fingerprint: {publisher.key.fingerprint}, key: keys/mine.asc, packages: [tiny]"
        accept(site, "\nsigners: []", f"\nsigners:\n  - {{name: our partner, {entry}}}")
        after = asked(site, mount, "tiny")

    assert (before["accepted"], after["accepted"]) == (False, True)
    assert "which the policy does not list" in before["reason"]
    assert after["signer"]["name"] == "our partner"


def test_what_is_wrong_with_the_sites_file_is_said(site: SiteMaker, mount: Path) -> None:
    accept(site, 'packages: ["*"]', "pakages: [x]")

    with pytest.raises(UserError) as caught:
        site.done("verify", "tiny", "--mount", mount)

    (problem,) = caught.value.problems  # type: ignore[attr-defined]  # InvalidInput has them
    assert "there is no field 'pakages'" in problem.message


@pytest.mark.parametrize("name", ["nothing", "tiny@9", "tiny@"])
def test_a_name_that_means_nothing(site: SiteMaker, mount: Path, name: str) -> None:
    if name == "tiny@":
        assert asked(site, mount, name)["accepted"] is True
        return
    with pytest.raises(UserError, match="is not published"):
        site.done("verify", name, "--mount", mount)


def test_without_a_mount_a_name_means_nothing(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    site.set_up(publisher, publisher.storage)

    with pytest.raises(UserError, match="there is no repository of pansoft") as caught:
        site.done("verify", "tiny", "--mount", tmp_path / "nothing")

    assert "mount it" in str(caught.value.hint)


def test_the_doctor_finds_everything_in_its_place(site: SiteMaker, mount: Path) -> None:
    signs = json.loads(site.done("doctor", "--mount", mount, "--json"))

    states = {sign["what"]: sign["state"] for sign in signs}
    assert states["publisher"] == states["files"] == states["signers"] == "good"
    assert states["mount"] == "good"
    assert states["Execution Control List"] == "note"


def test_the_doctor_finds_what_has_changed_and_what_ends(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    site.set_up(publisher, publisher.storage)
    (key_file,) = (site.machine / "etc/cvmfs/keys").rglob("*.pub")
    key_file.unlink()
    next((site.machine / "etc/cvmfs/config.d").iterdir()).write_text("mine\n")

    result = site.run("doctor", "--mount", tmp_path, "--warn-days", "5")

    assert result.return_value == 2
    assert f"{key_file}: missing" in result.stdout
    assert "edited by hand" in result.stdout
    assert "soon  the federation's timestamp" in result.stdout


def test_the_doctor_says_that_a_publisher_does_not_hold(
    publisher: Publisher, site: SiteMaker
) -> None:
    site.set_up(publisher, publisher.storage)
    shutil.rmtree(publisher.storage)

    result = site.run("doctor")

    assert result.return_value == 2
    assert "NO  publisher" in result.stdout


@pytest.fixture
def named(publisher: Publisher, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Give the address of a repository and a mount of a name in it, which is older than the newest."""
    revision = publisher.repository.manifest.revision
    add_tag(publisher.repository, publisher.keys, "proven", at=NOW, revision=revision)
    publisher.publish()  # so the federation's metadata is newer than what the mount shows
    place = tmp_path / "mount"
    with (
        publisher.served() as url,
        mounted(
            *(url, FQRN, publisher.keys.public_key, place),
            cache=tmp_path / "cache",
            tag="proven",
        ),
    ):
        yield url, place


def test_a_site_that_follows_a_name_asks_the_federation_apart_from_its_mount(
    publisher: Publisher, site: SiteMaker, named: tuple[str, Path]
) -> None:
    url, place = named
    site.set_up(publisher, url, "--federation", url)

    assert asked(site, place, place / TWO)["accepted"]


def test_what_the_federation_said_when_a_name_was_given_is_refused(
    publisher: Publisher, site: SiteMaker, named: tuple[str, Path]
) -> None:
    url, place = named
    site.set_up(publisher, url)

    assert "older" in str(site.run("verify", place / TWO, "--mount", place).exception)
