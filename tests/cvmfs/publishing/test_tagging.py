# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import Busy, UserError
from cvmfs.checking.check import check
from cvmfs.errors import NotFound, RepositoryError
from cvmfs.format.history import tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository
from cvmfs.publishing.tagging import Backward, add_tag, remove_tags, tag_name
from tests.cvmfs.samples import LATER, read


def named(repository: Repository) -> dict[str, tuple[int, str]]:
    """Return revision and description of the tags that people gave."""
    return {
        tag.name: (tag.revision, tag.description)
        for tag in tags_of(repository)
        if not tag.is_generic and not tag.is_managed
    }


def test_tags_name_revisions_and_go_again(published: Repository, keys: RepositoryKeys) -> None:
    before = published.manifest

    add_tag(published, keys, "now", at=LATER, message="before the upgrade")
    add_tag(published, keys, "first", at=LATER, revision=1)

    assert named(published) == {"now": (2, "before the upgrade"), "first": (1, "")}
    after = published.manifest
    assert (after.revision, after.root_hash) == (before.revision, before.root_hash)
    assert after.published == int(LATER.timestamp())
    assert check(read(published, keys)).findings == ()

    removed = remove_tags(published, keys, ["now", "first", "now"], at=LATER)
    assert [tag.name for tag in removed] == ["now", "first"]
    assert named(published) == {}
    assert check(read(published, keys)).findings == ()


def test_tag_survives_publishing_and_keeps_its_revision(
    published: Repository, keys: RepositoryKeys
) -> None:
    add_tag(published, keys, "keep", at=LATER)
    with transaction(published, keys, at=LATER) as tx:
        tx.remove("odd")

    assert named(published) == {"keep": (2, "")}


def test_tag_is_moved_only_to_a_revision_that_was_asked_for(
    published: Repository, keys: RepositoryKeys
) -> None:
    add_tag(published, keys, "keep", at=LATER, revision=1, message="said")

    with pytest.raises(UserError, match="keep is revision 1 already") as refused:
        add_tag(published, keys, "keep", at=LATER)
    assert refused.value.hint == "to move it: pansoft repo tag keep --revision 2"

    add_tag(published, keys, "keep", at=LATER, revision=2)
    assert named(published) == {"keep": (2, "said")}


def test_tag_goes_back_only_when_that_is_said(published: Repository, keys: RepositoryKeys) -> None:
    add_tag(published, keys, "keep", at=LATER, revision=2)

    with pytest.raises(UserError, match="keep is revision 2, which is newer than 1") as refused:
        add_tag(published, keys, "keep", at=LATER, revision=1)
    assert (refused.value.hint or "").endswith("pansoft repo tag keep --revision 1 --back")
    stayed = add_tag(published, keys, "keep", at=LATER, revision=1, backward=Backward.STAY)
    assert stayed.revision == 2
    assert named(published) == {"keep": (2, "")}

    add_tag(published, keys, "keep", at=LATER, revision=1, backward=Backward.MOVE)
    assert named(published) == {"keep": (1, "")}


def test_same_tag_again_changes_nothing(published: Repository, keys: RepositoryKeys) -> None:
    add_tag(published, keys, "keep", at=LATER)
    before = published.manifest

    add_tag(published, keys, "keep", at=LATER.replace(year=2027))

    assert published.manifest == before


@pytest.mark.parametrize(
    "name",
    ["trunk", "trunk-previous", "generic-mine", "", "a b", "a/b", "12", "2026-03-01", "a\nb", "..",
     "-m", "x" * 256],
)  # fmt: skip
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(RepositoryError, match="cannot name a snapshot"):
        tag_name(name)


@pytest.mark.parametrize("name", ["v1.0", "été", "2026-summer", "before_upgrade", "x" * 255])
def test_other_names_are_taken(name: str) -> None:
    assert tag_name(name) == name


def test_removing_is_all_or_nothing(published: Repository, keys: RepositoryKeys) -> None:
    add_tag(published, keys, "keep", at=LATER)

    with pytest.raises(NotFound, match="has no tag other"):
        remove_tags(published, keys, ["keep", "other"], at=LATER)
    with pytest.raises(RepositoryError, match="trunk cannot be removed"):
        remove_tags(published, keys, ["keep", "trunk"], at=LATER)

    assert named(published) == {"keep": (2, "")}


def test_unknown_revisions_open_transactions_and_wrong_keys_are_refused(
    published: Repository, keys: RepositoryKeys, other_keys: RepositoryKeys
) -> None:
    with pytest.raises(NotFound, match="no tag for revision 7"):
        add_tag(published, keys, "keep", at=LATER, revision="7")
    with pytest.raises(UserError, match="does not name the certificate"):
        add_tag(published, other_keys, "keep", at=LATER)
    with pytest.raises(UserError, match=r"for other\.org, not for"):
        add_tag(published, replace(keys, fqrn="other.org"), "keep", at=LATER)
    with transaction(published, keys, at=LATER), pytest.raises(Busy):
        add_tag(published, keys, "keep", at=LATER)
    assert named(published) == {}
