# SPDX-License-Identifier: BSD-3-Clause
"""What a mirror, a partner or a thief may try at a site, over HTTP: refused with its reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.format.hashes import object_path
from cvmfs.format.keys import create_keys
from cvmfs.reading.reader import open_reader, pieces
from tests.cvmfs.samples import flip_byte
from tests.federations import FederationMaker
from tests.pansoft.site.conftest import SiteMaker
from tests.site_publisher import FQRN, NAMESPACE, NOW, Publisher, listed

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "fusermount3")

ONE, TWO = "images/tiny/1.0", "images/tiny/2.0"


def refused_at_setup(site: SiteMaker, publisher: Publisher, reason: str, *more: str) -> None:
    """Check that a site is not set up, for a reason, and that no file of it was written or changed."""
    before = site.files()

    with publisher.served() as url, pytest.raises(UserError, match=reason):
        site.set_up(publisher, url, *more)

    assert site.files() == before


def refused_at_verify(site: SiteMaker, publisher: Publisher, folder: Path, *argv: str) -> str:
    """Return why a version on a publisher's mount is refused."""
    with publisher.mounted(folder) as mount:
        result = site.run("verify", *argv, "--mount", mount, "--json")
    if result.exception is not None:
        raise result.exception
    told = json.loads(result.stdout)
    assert (result.return_value, told["accepted"]) == (3, False)
    return str(told["reason"])


def test_a_root_of_another_federation_is_refused(publisher: Publisher, site: SiteMaker) -> None:
    stranger = FederationMaker(at=NOW)
    stranger.publish()
    publisher.federation.roots = stranger.roots

    refused_at_setup(site, publisher, r"without enough good signatures \(threshold\): timestamp")


@pytest.mark.parametrize("content", [b"{}", b"", b"\xff"])
def test_a_root_that_is_none_is_refused(
    publisher: Publisher, site: SiteMaker, content: bytes
) -> None:
    publisher.federation.roots["1.root.json"] = content

    refused_at_setup(site, publisher, "the root that was given is not the root of a federation")


def test_a_root_that_one_of_three_facilities_has_signed_is_refused(
    publisher: Publisher, site: SiteMaker
) -> None:
    publisher.federation.roots["1.root.json"] = publisher.federation.new_root(only=1)

    refused_at_setup(site, publisher, "does not hold, by its own rules: .*1/2")


def test_another_role_in_place_of_the_root_is_refused(
    publisher: Publisher, site: SiteMaker
) -> None:
    publisher.federation.roots["1.root.json"] = publisher.metadata()["timestamp.json"]

    refused_at_setup(site, publisher, "is the timestamp of a federation, not its root")


def test_a_key_that_the_federation_does_not_name_is_refused(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    """Somebody else serves a repository of this name, signed by a key of their own."""
    folder = tmp_path / "impostor"
    folder.mkdir()
    keys = create_keys(folder, FQRN, at=NOW)
    impostor = Publisher(
        folder, keys, publisher.key, publisher.public, federation=publisher.federation
    )
    right = publisher.keys
    impostor.keys = right
    files = impostor.metadata()
    impostor.keys = keys
    impostor.lies = {f"trust/federation/{name}": content for name, content in files.items()}
    impostor.publish()

    refused_at_setup(site, impostor, "not signed by the given master key|is not esrf/keys")


def test_a_replayed_repository_is_refused(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    old = publisher.copy(tmp_path / "old")
    publisher.publish()
    with publisher.served() as url:
        site.set_up(publisher, url)

    refused_at_setup(site, old, "older state of the federation than this site has seen")


def test_an_old_revision_with_fresh_metadata_is_refused(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    """The repository alone is replayed; the federation's metadata comes from where it is fresh."""
    old = publisher.copy(tmp_path / "old")
    publisher.publish()
    fresh = tmp_path / "federation"
    with publisher.mounted(tmp_path) as mount:
        shutil.copytree(mount / "trust" / "federation", fresh)
    with publisher.served() as url:
        site.set_up(publisher, url)

    refused_at_setup(site, old, "revision", "--federation", str(fresh))


def test_a_frozen_repository_is_refused_once_its_timestamp_has_ended(
    publisher: Publisher, site: SiteMaker
) -> None:
    publisher.federation.days["timestamp"] = -1
    publisher.publish()

    refused_at_setup(site, publisher, "timestamp .*has expired")


def test_a_compromised_stratum_1_is_refused(publisher: Publisher, site: SiteMaker) -> None:
    """An object of the policy was altered where it lies."""
    with open_reader(publisher.storage, FQRN, publisher.keys.public_key, at=NOW) as reader:
        ((content_hash, suffix, _),) = pieces(reader.entry("trust/policy.yaml"))
    flip_byte(publisher.storage / object_path(content_hash, suffix))

    refused_at_setup(site, publisher, "does not have|corrupt|hash")


def test_a_policy_that_the_federation_does_not_list_is_refused(
    publisher: Publisher, site: SiteMaker
) -> None:
    """Whoever holds the repository's key alone cannot change who may sign."""
    publisher.lies["trust/policy.yaml"] = b"schema: 1\n"
    publisher.publish()

    refused_at_setup(site, publisher, "is not esrf/policy/policy.yaml of the federation")


def test_a_publisher_does_not_say_what_the_site_accepts(
    publisher: Publisher, site: SiteMaker
) -> None:
    publisher.lies["trust/acceptance.yaml"] = b"schema: 1\n"
    publisher.publish()

    refused_at_setup(site, publisher, "what a site accepts is the site's to say")


def test_another_key_under_a_signers_name_is_refused(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    publisher.lies[f"trust/keys/{publisher.public.name}"] = b"an old key, before it was revoked"
    publisher.publish()

    refused_at_setup(site, publisher, f"is not esrf/keys/{publisher.public.name}")


def test_a_partner_who_names_a_key_for_anothers_repository_does_not_get_it(
    publisher: Publisher, site: SiteMaker
) -> None:
    publisher.federation.lists["ill"] = [
        listed(f"ill/keys/{FQRN}.pub", b"a key of mine", f"trust/{FQRN}.pub")
    ]
    publisher.publish()

    refused_at_setup(site, publisher, "esrf and ill name different keys")
    with publisher.served() as url:
        said = site.set_up(publisher, url, "--namespace", NAMESPACE)
    assert f"{NAMESPACE} answers for it" in said


def test_a_swapped_image_with_a_valid_old_signature_is_refused(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    """In the folder of 2.0 lies all of 1.0, signed as it ever was."""
    site.set_up(publisher, publisher.storage)
    for file in publisher.versions[ONE].iterdir():
        publisher.lies[f"{TWO}/{file.name}"] = file.read_bytes()
    mirror = publisher.copy(tmp_path / "mirror")
    mirror.lies = publisher.lies
    mirror.federation = publisher.federation
    mirror.publish()

    reason = refused_at_verify(site, mirror, tmp_path, "tiny@2.0")

    assert reason.startswith(f"{TWO}/tiny.sif.statement.json holds tiny 1.0")
    assert "it was swapped" in reason


def test_an_image_that_was_altered_is_refused(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    """The image alone is another one; statement, table and the federation's list are the right ones."""
    site.set_up(publisher, publisher.storage)
    right = (publisher.versions[TWO] / "tiny.sif").read_bytes()
    other = bytearray(right)
    other[len(other) // 2] ^= 1
    publisher.lies[f"{TWO}/tiny.sif"] = bytes(other)
    publisher.publish()

    by_hashes = refused_at_verify(site, publisher, tmp_path / "1", "tiny@2.0")
    in_full = refused_at_verify(site, publisher, tmp_path / "2", "tiny@2.0", "--full")

    assert "tiny.sif" in by_hashes
    assert "was altered" in in_full or "is not the file that was signed" in in_full


def test_a_mirror_that_serves_another_partners_image_is_refused(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    """In place of ESRF's package lies ILL's, which ILL lists and has signed for its own repository."""
    elsewhere = tmp_path / "ill"
    shutil.copytree(publisher.versions[ONE], elsewhere)
    statement = elsewhere / "tiny.sif.statement.json"
    statement.write_bytes(statement.read_bytes() + b"\n")
    site.set_up(publisher, publisher.storage)
    publisher.lies[f"{TWO}/{statement.name}"] = statement.read_bytes()
    publisher.federation.lists["ill"] = [
        listed(f"ill/tiny/2.0/{statement.name}", statement.read_bytes(), "images/x/2.0/x")
    ]
    publisher.publish()

    reason = refused_at_verify(site, publisher, tmp_path, "tiny@2.0")

    assert "which the federation lists at images/x/2.0/x: it was swapped" in reason


def test_what_nobody_answers_for_is_refused(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    """It is in the repository, signed by a signer of the policy, and no namespace lists it."""
    site.set_up(publisher, publisher.storage)
    for file in publisher.versions[ONE].iterdir():
        publisher.lies[f"images/tiny/3.0/{file.name}"] = file.read_bytes()
    publisher.publish()

    reason = refused_at_verify(site, publisher, tmp_path, "tiny@3.0")

    assert "it was swapped" in reason


def test_a_table_of_another_version_is_refused(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    site.set_up(publisher, publisher.storage)
    with publisher.mounted(tmp_path / "first") as mount:
        for name in ("content.json", "content.table"):
            publisher.lies[f"{TWO}/{name}"] = (mount / ONE / name).read_bytes()
    publisher.publish()

    reason = refused_at_verify(site, publisher, tmp_path, "tiny@2.0")

    assert "content.json is not about tiny.sif.statement.json: it was swapped" in reason


def test_a_rogue_partner_cannot_list_in_anothers_namespace(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    """ILL lists a package as ESRF's; its word does not count there."""
    site.set_up(publisher, publisher.storage)
    stranger = tmp_path / "stranger"
    shutil.copytree(publisher.versions[ONE], stranger)
    statement = stranger / "tiny.sif.statement.json"
    statement.write_bytes(statement.read_bytes() + b"\n")
    for file in stranger.iterdir():
        publisher.lies[f"images/tiny/4.0/{file.name}"] = file.read_bytes()
    publisher.federation.lists["ill"] = [
        listed(
            f"{NAMESPACE}/tiny/4.0/{statement.name}",
            statement.read_bytes(),
            f"images/tiny/4.0/{statement.name}",
        )
    ]
    publisher.publish()

    reason = refused_at_verify(site, publisher, tmp_path, "tiny@4.0")

    assert "nobody in the federation answers for images/tiny/4.0" in reason
