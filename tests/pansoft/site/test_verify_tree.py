# SPDX-License-Identifier: BSD-3-Clause
"""May a tree be run here: the same questions as of an image, by its manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builder import sign as signing
from builder.images.build_user import build_user
from builder.sign_tree import sign_tree
from builder.stages import SignedTree
from pansoft import clock
from tests.pansoft.site.conftest import SiteMaker, image, policy_with, sign
from tests.pansoft.site.conftest import listed as signer_of
from tests.site_publisher import Publisher
from trust.keys.folder import FolderKey

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "unsquashfs", "fusermount3")

PLACE = "trees/tiny/1.0"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, release: tuple[FolderKey, Path]) -> SignedTree:
    """Return a signed tree, made of a signed image of a megabyte."""
    folder = tmp_path_factory.mktemp("tree")
    for reached in (folder, folder.parent):
        reached.chmod(0o755)  # the build user unpacks it
    key, public = release
    policy = policy_with(signer_of(key, public))
    signed = sign(image(folder, "1.0"), key, public, folder / "signed")
    verified, _ = signing.verify(signed, policy=policy, at=clock.now())
    return sign_tree(
        verified,
        policy=policy,
        key=key,
        folder=folder / "plan",
        user=build_user(),
        scratch=folder / "scratch",
        at=clock.now(),
    )


@pytest.fixture
def with_tree(publisher: Publisher, tree: SignedTree) -> Publisher:
    publisher.trees[PLACE] = tree
    publisher.publish()
    return publisher


def asked(site: SiteMaker, publisher: Publisher, folder: Path, *more: str) -> dict[str, Any]:
    """Return the answer about the tree on a mount, which a site that was set up just now gives."""
    with publisher.served() as url:
        site.set_up(publisher, url)
    with publisher.mounted(folder) as mount:
        result = site.run("verify", mount / PLACE, "--mount", mount, "--json", *more)
    if result.exception is not None:
        raise result.exception
    told = json.loads(result.stdout)
    assert isinstance(told, dict)
    return told


def test_a_tree_is_verified_without_being_read(
    with_tree: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    told = asked(site, with_tree, tmp_path)

    assert (told["accepted"], told["read"], told["reason"]) == (True, False, None)
    assert "by the content hashes that the client shows" in told["bytes"]


def test_a_tree_is_read_where_that_is_asked_for(
    with_tree: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    told = asked(site, with_tree, tmp_path, "--full")

    assert (told["accepted"], told["read"]) == (True, True)


@pytest.mark.parametrize("full", [False, True], ids=["by attributes", "read"])
def test_one_other_file_in_a_tree_is_refused_and_named(
    with_tree: Publisher, site: SiteMaker, tmp_path: Path, *, full: bool
) -> None:
    with_tree.lies[f"{PLACE}/root/data"] = b"something else"
    with_tree.publish()

    told = asked(site, with_tree, tmp_path, *(["--full"] if full else []))

    assert told["accepted"] is False
    assert "data" in told["reason"]


def test_a_tree_that_nobody_lists_is_refused(
    with_tree: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    kept = dict(with_tree.trees)
    with_tree.trees.clear()
    files = with_tree.metadata()
    with_tree.trees.update(kept)
    with_tree.lies = {f"trust/federation/{name}": content for name, content in files.items()}
    with_tree.publish()

    told = asked(site, with_tree, tmp_path)

    assert told["accepted"] is False
    assert "nobody in the federation answers for" in told["reason"]


def test_a_site_may_accept_images_only(
    with_tree: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    with with_tree.served() as url:
        site.set_up(with_tree, url)
    mine = site.places.policy / "acceptance.yaml"
    mine.write_text(mine.read_text().replace("forms: [image, tree]", "forms: [image]"))

    told = asked(site, with_tree, tmp_path)

    assert told["accepted"] is False
    assert "this site accepts the form image, not tree" in told["reason"]
