# SPDX-License-Identifier: BSD-3-Clause
"""What the state holds, what may go by which rule, and that removing leaves nothing half."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from builder import stored
from builder.images import sandbox
from builder.images.build_user import build_user
from builder.state import State
from builder.stored import Item, Kind, References, Rule, choose
from core import process
from core.errors import Busy
from core.files import shared_lock

needsnamespaces = pytest.mark.needs("mmdebstrap")

DAY = 86400.0


def item(key: str, *, size: int, used: float, needed: bool, kind: Kind = Kind.INPUTS) -> Item:
    return Item(kind, key, key, (), size, used, needed)


ITEMS = (
    item("old", size=100, used=1 * DAY, needed=False),
    item("needed", size=1000, used=2 * DAY, needed=True),
    item("base", size=500, used=3 * DAY, needed=False, kind=Kind.BASES),
    item("new", size=10, used=9 * DAY, needed=False),
)


@pytest.mark.parametrize(
    ("rule", "gone"),
    [
        pytest.param(Rule(), [], id="no rule"),
        pytest.param(Rule(unused=True), ["old", "base", "new"], id="unused"),
        pytest.param(Rule(used_before=3 * DAY), ["old"], id="age"),
        pytest.param(
            Rule(used_before=4 * DAY, even_needed=True), ["old", "needed", "base"], id="all"
        ),
        pytest.param(Rule(max_size=1600), ["old"], id="size"),
        pytest.param(Rule(max_size=1100), ["old", "base"], id="the oldest first"),
        pytest.param(Rule(max_size=0), ["old", "base", "new"], id="needed stays"),
        pytest.param(
            Rule(max_size=0, even_needed=True), ["old", "needed", "base", "new"], id="none"
        ),
        pytest.param(Rule(unused=True, max_size=5000), ["old", "base", "new"], id="both"),
        pytest.param(Rule(used_before=2 * DAY, max_size=1100), ["old", "base"], id="age and size"),
        pytest.param(Rule(unused=True, kinds=frozenset({Kind.BASES})), ["base"], id="one part"),
    ],
)
def test_what_goes_follows_from_the_rule(rule: Rule, gone: list[str]) -> None:
    assert [item.key for item in choose(ITEMS, rule)] == gone


@pytest.fixture
def state(tmp_path: Path) -> State:
    """Return a state with two of each that can be pruned, the first of them used long ago."""
    state = State(tmp_path / "state")
    for number, text in enumerate(("one", "two")):
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        files = (
            state.inputs / sha256[:2] / sha256,
            state.inputs / "partial" / sha256[::-1],
            state.base(sha256) / "base.json",
            state.base(sha256) / "root" / "etc" / "issue",
            state.folder / "images" / sha256 / "image.json",
            state.folder / "signed" / sha256 / "x.sif",
            state.kept(sha256) / "kept.json",
            state.failed_log(sha256),
        )
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({"name": text, "version": "1"}))
        for path in sorted(state.folder.rglob("*"), reverse=True):
            if sha256 in str(path) or sha256[::-1] in str(path):
                os.utime(path, (number * DAY + DAY, number * DAY + DAY))
    (state.scratch / "build-abandoned").mkdir(parents=True)
    return state


ONE = hashlib.sha256(b"one").hexdigest()
TWO = hashlib.sha256(b"two").hexdigest()


@needsnamespaces
def test_everything_is_found_by_kind_and_age(state: State) -> None:
    needed = References(frozenset({TWO}), frozenset({TWO}), frozenset({TWO}))

    found = stored.stored(state, needed, user=build_user())

    assert [
        (item.kind, item.name, item.needed) for item in found if item.kind is not Kind.INPUTS
    ] == [
        (Kind.BASES, "one 1", False),
        (Kind.BASES, "two 1", True),
        (Kind.IMAGES, "one 1", False),
        (Kind.IMAGES, "two 1", True),
        (Kind.KEPT, "one 1", False),
        (Kind.KEPT, "two 1", False),
        (Kind.LOGS, ONE[:12], False),
        (Kind.LOGS, TWO[:12], False),
        (Kind.SCRATCH, "build-abandoned", False),
    ]
    inputs = {item.key: item.needed for item in found if item.kind is Kind.INPUTS}
    assert inputs == {ONE: False, TWO: True, ONE[::-1]: False, TWO[::-1]: False}
    assert all(item.size > 0 for item in found)
    assert [item.used for item in found if item.kind is Kind.BASES] == [DAY, 2 * DAY]


@needsnamespaces
def test_what_goes_is_gone_and_the_rest_is_whole(state: State) -> None:
    needed = References(frozenset({TWO}), frozenset({TWO}), frozenset({TWO}))
    user = build_user()
    gone = choose(stored.stored(state, needed, user=user), Rule(unused=True))

    freed = stored.prune(gone, state, user=user)

    assert freed == sum(item.size for item in gone)
    left = {
        str(path.relative_to(state.folder)) for path in state.folder.rglob("*") if path.is_file()
    }
    assert left == {
        f"inputs/{TWO[:2]}/{TWO}", f"bases/{TWO}/base.json", f"bases/{TWO}/root/etc/issue",
        f"images/{TWO}/image.json", f"signed/{TWO}/x.sif", "locks/in-use",
    }  # fmt: skip
    assert list(state.scratch.iterdir()) == []


@needsnamespaces
def test_nothing_goes_while_somebody_builds(state: State) -> None:
    user = build_user()
    items = stored.stored(state, References(), user=user)

    with shared_lock(state.in_use), pytest.raises(Busy, match="builds are running"):
        stored.prune(items, state, user=user)

    assert stored.stored(state, References(), user=user) == items


@needsnamespaces
def test_a_scratch_folder_in_use_is_not_listed(state: State) -> None:
    user = build_user()

    with sandbox.scratch_folder(state.scratch, user):
        found = stored.stored(state, References(), user=user)

    assert [item for item in found if item.kind is Kind.SCRATCH] == []


@needsnamespaces
def test_files_of_subordinate_users_are_counted_and_removed(tmp_path: Path) -> None:
    state, user = State(tmp_path / "state"), build_user()
    with sandbox.scratch_folder(state.scratch, user) as folder:
        process.run(
            user.command(
                [*sandbox.namespaces(network=True), "sh", "-ec",
                 'cd "$1"; mkdir closed; head -c 1000000 /dev/zero > closed/x; chown -R 7:7 closed;'
                 "chmod 700 closed", "make", folder], reach=[folder],
            ),
            reason="make a closed folder", env=user.environment(), cwd=Path("/"),
        )  # fmt: skip
        target = state.kept("k" * 64)
        target.parent.mkdir()
        folder.replace(target)

    [kept] = stored.stored(state, References(), user=user)
    stored.prune([kept], state, user=user)

    assert kept.size > 1_000_000
    assert list(target.parent.iterdir()) == []
