# SPDX-License-Identifier: BSD-3-Clause
"""What no facility should sign, one row for each way a charter can be wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import Key, SSlibKey
from tuf.api.metadata import Role, TargetFile

from core.errors import Refused, UserError
from tests.federations import NOW, signer
from tests.trust.federation.ceremonies import ESRF_LIST, ONLINE, founded, key, with_esrf
from trust.federation import ceremony, charter, rules
from trust.federation.charter import Charter
from trust.federation.documents import Agreed, Proposal
from trust.federation.rules import charter_of

Edit = Callable[[Charter], Charter]


def proposed(agreed: Agreed, edit: Edit, *, weaken: str | None = None) -> Proposal:
    return ceremony.propose(
        agreed, edit(copy.deepcopy(charter_of(agreed))), at=NOW, why="a test", weaken=weaken
    )


def threshold(role: str, number: int) -> Edit:
    return lambda before: charter.delegate(before, role, None, threshold=number)


def added(role: str, new: Key) -> Edit:
    return lambda before: charter.delegate(before, role, new, threshold=None)


def edited(change: Callable[[Charter], object]) -> Edit:
    def edit(before: Charter) -> Charter:
        change(before)
        return before

    return edit


def renamed(found: Key, name: object) -> Key:
    """Return the same key as somebody else's, under another id."""
    return SSlibKey(
        "f" * 64, found.keytype, found.scheme, found.keyval, {"x-pansoft-facility": name}
    )


def open_wide(before: Charter) -> None:
    before.namespaces["core"].paths = ["*/*/*/*"]


def not_ending(before: Charter) -> None:
    before.namespaces["core"].terminating = False


def without_core(before: Charter) -> None:
    assert before.delegations.roles is not None
    del before.delegations.roles["core"]


def listing_at_the_top(before: Charter) -> None:
    before.targets.targets["core/x/1/x.sif"] = TargetFile.from_data("core/x/1/x.sif", b"x")


def other_seats_than_targets(before: Charter) -> None:
    before.root.roles["targets"] = Role(before.root.roles["targets"].keyids[:2], 2)


def mixed_snapshots(before: Charter) -> None:
    before.root.consistent_snapshot = False


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (threshold("root", 1), "root needs two facilities at least, not 1"),
        (threshold("core", 1), "core needs two facilities at least, not 1"),
        (threshold("root", 4), "root needs 4 signatures, but has 3 keys"),
        (added("root", signer("ESRF").public_key), "esrf has two keys in root"),
        (added("root", signer("esrf").public_key), "esrf has two keys in root"),
        (added("core", signer("ILL").public_key), "ill has two keys in core"),
        (
            added("ill", renamed(key("ESRF"), "ILL")),
            "one key stands in the names of ESRF and of ILL",
        ),
        (added("root", ONLINE.public_key), "the key of online has no place in root"),
        (added("x", signer("").public_key), "is nobody's"),
        (added("x", renamed(key("ESRF"), 7)), "is nobody's"),
        (added("x", signer("E\x1b[2J").public_key), "is not a facility's name"),
        (added("x", signer("ESRF ").public_key), "'ESRF ' is not a facility's name"),
        (edited(open_wide), "core is delegated for more than its own paths"),
        (edited(not_ending), "core is delegated for more than its own paths"),
        (edited(without_core), "the namespace core is gone"),
        (edited(listing_at_the_top), "the top targets list files"),
        (edited(other_seats_than_targets), "are not the same"),
        (edited(mixed_snapshots), "without consistent snapshots"),
    ],
)
def test_what_no_facility_should_sign_is_refused(tmp_path: Path, edit: Edit, reason: str) -> None:
    agreed = founded(tmp_path / "federation")

    with pytest.raises(Refused, match=reason):
        rules.check(agreed, proposed(agreed, edit), at=NOW)


def test_a_key_does_not_pass_to_another_facility(tmp_path: Path) -> None:
    agreed = with_esrf(tmp_path / "federation")
    mine = renamed(ESRF_LIST.public_key, "ILL")
    mine.keyid = ESRF_LIST.public_key.keyid
    after = copy.deepcopy(charter_of(agreed))

    with pytest.raises(UserError, match="is that of ESRF in esrf, and not of ILL"):
        charter.delegate(after, "ill", mine, threshold=None)
    after.delegations.keys[mine.keyid] = mine
    with pytest.raises(Refused, match="a key of ESRF would become one of ILL"):
        rules.check(agreed, ceremony.propose(agreed, after, at=NOW, why="x"), at=NOW)


def test_a_seat_used_as_the_online_key_is_refused(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation")
    after = charter.replace_key(charter_of(agreed), ONLINE.public_key, key("ESRF"))

    with pytest.raises(Refused, match="the key of ESRF has no place in"):
        rules.check(agreed, ceremony.propose(agreed, after, at=NOW, why="x"), at=NOW)


def test_a_lower_threshold_needs_a_reason(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation", threshold=3)

    with pytest.raises(Refused, match="root needs 2 signatures in place of 3, and nobody says why"):
        rules.check(agreed, proposed(agreed, threshold("root", 2)), at=NOW)
    rules.check(agreed, proposed(agreed, threshold("root", 2), weaken="holidays"), at=NOW)


def test_a_reason_of_the_last_change_is_none_for_this_one(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation", threshold=3)
    agreed.root.unrecognized_fields[rules.WEAKENED] = "an old one"

    with pytest.raises(Refused, match="nobody says why"):
        rules.check(agreed, proposed(agreed, threshold("root", 2)), at=NOW)


@pytest.mark.parametrize(
    ("version", "days", "reason"),
    [
        (4, 300, "root 4 does not follow root 1"),
        (1, 300, "root 1 does not follow root 1"),
        (2, 500, "400 days are the limit"),
        (2, -1, "has expired on 2026-11-21 already"),
    ],
)
def test_versions_and_days_are_held(tmp_path: Path, version: int, days: int, reason: str) -> None:
    agreed = founded(tmp_path / "federation")
    made = proposed(agreed, added("root", signer("ALBA").public_key))
    made.documents["root"].signed.version = version
    made.documents["root"].signed.expires = NOW + timedelta(days=days)

    with pytest.raises(Refused, match=reason):
        rules.check(agreed, made, at=NOW)


@pytest.mark.parametrize("path", ["esrf/x/1/x.sif", "core/x", "core/a/b/c/d", "core/x/1/\x1b.sif"])
def test_a_list_of_what_is_not_its_own_is_refused(tmp_path: Path, path: str) -> None:
    agreed = founded(tmp_path / "federation")
    made = ceremony.propose_list(agreed, "core", (), version=2, at=NOW)
    made.documents["core"].signed.targets[path] = TargetFile.from_data(path, b"x")

    with pytest.raises(Refused, match="which is not its own"):
        rules.check(agreed, made, at=NOW)


def test_a_list_of_no_namespace_is_refused(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation")
    made = ceremony.propose_list(agreed, "desy", (), version=1, at=NOW)

    with pytest.raises(Refused, match="'desy' is no namespace"):
        rules.check(agreed, made, at=NOW)


def test_a_reason_that_moves_the_cursor_is_refused(tmp_path: Path) -> None:
    agreed = founded(tmp_path / "federation")
    after = threshold("root", 3)(charter_of(agreed))
    made = ceremony.propose(agreed, after, at=NOW, why="good\x1b[1A\x1b[2Kbetter")

    with pytest.raises(Refused, match="the reason in root is not plain text"):
        rules.check(agreed, made, at=NOW)


def test_a_partner_with_a_namespace_is_welcome(tmp_path: Path) -> None:
    agreed = with_esrf(tmp_path / "federation")

    assert charter_of(agreed).namespaces["esrf"].keyids == [ESRF_LIST.public_key.keyid]
