# SPDX-License-Identifier: BSD-3-Clause
"""A chain of entries, and the first that is wrong in one that was tampered with."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from core.canonical import canonical_json
from core.errors import Refused
from tests.trust.cases import NOON
from tests.trust.decisions.chains import decision
from trust.decisions.chain import (
    GENESIS,
    SEGMENT_ENTRIES,
    Link,
    appended,
    read_chain,
    segment_text,
)

LINKS = tuple(appended((), [decision(n) for n in range(6)], at=NOON))
LINES = [link.line for link in LINKS]


def text(*lines: bytes) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def changed(line: bytes, **fields: object) -> bytes:
    return canonical_json({**json.loads(line), **fields})


def test_what_is_appended_is_read_back() -> None:
    assert read_chain([segment_text(LINKS, 0)]) == LINKS
    assert LINKS[0].entry.previous == GENESIS
    assert [link.entry.sequence for link in LINKS] == [0, 1, 2, 3, 4, 5]
    assert [link.entry.decision for link in LINKS] == [decision(n) for n in range(6)]


def test_a_chain_goes_over_segments() -> None:
    count = 2 * SEGMENT_ENTRIES + 3
    links = tuple(appended((), [decision(n) for n in range(count)], at=NOON))
    segments = [segment_text(links, number) for number in range(3)]

    assert [content.count(b"\n") for content in segments] == [SEGMENT_ENTRIES, SEGMENT_ENTRIES, 3]
    assert read_chain(segments) == links


def test_a_clock_that_was_put_back_does_not_take_the_log_back() -> None:
    [link] = appended(LINKS, [decision(7)], at=NOON - timedelta(days=3))

    assert link.entry.logged == NOON


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(
            lambda x: [x[0], changed(x[1], logged="2026-06-01T12:00:01Z"), *x[2:]],
            "entry 1 was altered",
            id="edited",
        ),
        pytest.param(
            lambda x: [x[0], x[1].replace(b"true", b"false"), *x[2:]],
            "entry 1 was altered",
            id="yes-made-no",
        ),
        pytest.param(lambda x: [*x[:2], *x[3:]], "entry 2 of the log: missing", id="removed"),
        pytest.param(
            lambda x: [x[0], *x[4:]], "entries 1 to 3 of the log: missing", id="several-removed"
        ),
        pytest.param(lambda x: x[1:], "entry 0 of the log: missing", id="beginning-removed"),
        pytest.param(
            lambda x: [x[0], x[2], x[1], *x[3:]],
            "entry 1 of the log: missing, or moved",
            id="reordered",
        ),
        pytest.param(
            lambda x: [x[0], x[1], x[1], *x[2:]],
            "entry 2 of the log: .* entry 1 a second time",
            id="twice",
        ),
        pytest.param(
            lambda x: [changed(x[1], sequence=0), *x[2:]],
            "entry 0 .* is not the first",
            id="renumbered",
        ),
        pytest.param(
            lambda x: [x[0], b"nonsense", *x[2:]], "entry 1 .* it is no JSON", id="nonsense"
        ),
        pytest.param(
            lambda x: [x[0], x[1].replace(b",", b", ", 1), *x[2:]],
            "entry 1 .* canonical",
            id="spaces",
        ),
        pytest.param(
            lambda x: [x[0], changed(x[1], extra=1), *x[2:]],
            "entry 1 .* unknown field",
            id="unknown-field",
        ),
        pytest.param(
            lambda x: [x[0], changed(x[1], sequence="1"), *x[2:]],
            "entry 1 .* must be int",
            id="wrong-type",
        ),
        pytest.param(
            lambda x: [*x[:5], changed(x[5], logged="2026-05-01T12:00:00Z")],
            "entry 5 .* is older",
            id="back-in-time",
        ),
    ],
)
def test_the_first_entry_that_is_wrong_is_named(
    spoil: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        read_chain([text(*spoil(LINES))])


def test_a_line_that_is_cut_short_is_refused() -> None:
    with pytest.raises(Refused, match=r"0000\.jsonl is cut short"):
        read_chain([text(*LINES)[:-1]])


def test_a_segment_that_is_not_full_is_the_last() -> None:
    with pytest.raises(Refused, match="has 3 entries where 256 belong"):
        read_chain([text(*LINES[:3]), text(*LINES[3:])])


def test_every_single_changed_byte_is_noticed() -> None:
    content = text(*LINES[:3])
    good = read_chain([content])

    for place in range(len(content)):
        spoilt = bytearray(content)
        spoilt[place] ^= 0x01
        assert _differs(bytes(spoilt), good), place


def _differs(content: bytes, good: tuple[Link, ...]) -> bool:
    """Return whether a chain is refused, or ends in another hash than the good one."""
    try:
        return read_chain([content])[-1].hash != good[-1].hash
    except Refused:
        return True
