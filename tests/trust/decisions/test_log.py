# SPDX-License-Identifier: BSD-3-Clause
"""A published log: grown by what is new, and refused where it is not what its signed head says."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import Refused
from tests.trust.cases import NOON
from tests.trust.conftest import public
from tests.trust.decisions.chains import REPOSITORY, Files, decision
from trust.decisions.chain import SEGMENT_ENTRIES, BrokenLog, segment_path
from trust.decisions.head import HEAD_PATH
from trust.decisions.log import Log, check_holds, grown, read_log
from trust.keys import FolderKey

pytestmark = pytest.mark.needs("apptainer", "gpg")

FIRST = segment_path(0)


def opened(files: Files, key: FolderKey) -> Log:
    log = read_log(files.read, public_keys=[public(key)], repository=REPOSITORY)
    assert log is not None
    return log


@pytest.fixture(scope="module")
def published(key: FolderKey) -> Files:
    """Give a log of four entries, of two publications."""
    files = Files()
    assert files.grow(None, [decision(0), decision(1)], key)
    assert files.grow(opened(files, key), [decision(2), decision(3)], key)
    return files


def test_a_log_is_read_back_with_who_signed_its_head(published: Files, key: FolderKey) -> None:
    log = opened(published, key)

    assert [link.entry.decision for link in log.links] == [decision(n) for n in range(4)]
    assert log.head.entries == 4
    assert log.signed.signature is not None
    assert log.signed.signature.fingerprint == key.fingerprint


def test_the_same_decision_is_not_logged_again(published: Files, key: FolderKey) -> None:
    files = published.copy()
    later = replace(decision(2), at=NOON + timedelta(days=9), verdict_sha256="a" * 64)

    assert not files.grow(opened(files, key), [decision(1), later], key)
    assert files.content == published.content


def test_another_policy_or_plan_or_outcome_is_another_decision(
    published: Files, key: FolderKey
) -> None:
    same = decision(1)
    others = [
        replace(same, policy_sha256="b" * 64),
        replace(same, plan="c" * 64),
        replace(same, accepted=False, refused=("tests-passed",)),
        replace(same, waivers=("d" * 64,)),
    ]
    files = published.copy()

    assert files.grow(opened(files, key), [*others, *others], key)
    assert opened(files, key).head.entries == 8


def test_a_publication_writes_one_segment_and_the_head(key: FolderKey) -> None:
    files = Files()
    files.grow(None, [decision(n) for n in range(SEGMENT_ENTRIES + 5)], key)

    growth = grown(opened(files, key), [decision(9999)], repository=REPOSITORY, key=key, at=NOON)

    assert growth is not None
    assert set(growth.files) == {segment_path(1), HEAD_PATH}


def test_a_repository_without_a_log_has_none(key: FolderKey) -> None:
    assert read_log(Files().read, public_keys=[public(key)]) is None


def test_cut_off_entries_are_missed(published: Files, key: FolderKey) -> None:
    files = published.copy()
    lines = files.content[FIRST].splitlines(keepends=True)
    files.content[FIRST] = b"".join(lines[:-1])

    with pytest.raises(BrokenLog, match=r"entry 3 of the log: missing; the log was cut off there"):
        opened(files, key)


def test_an_entry_that_nobody_signed_is_refused(published: Files, key: FolderKey) -> None:
    files = published.copy()
    files.grow(opened(files, key), [decision(7)], key)
    files.content[HEAD_PATH] = published.content[HEAD_PATH]

    with pytest.raises(BrokenLog, match="entry 4 of the log: nobody signed it"):
        opened(files, key)


def test_the_last_entry_cannot_be_altered_either(published: Files, key: FolderKey) -> None:
    files = published.copy()
    files.content[FIRST] = files.content[FIRST].replace(b"pyfai 1.3", b"pyfai 6.6")

    with pytest.raises(BrokenLog, match="entry 3 was altered: the head was signed over another"):
        opened(files, key)


def test_a_past_that_is_written_anew_does_not_fit_the_head(
    published: Files, key: FolderKey
) -> None:
    files = published.copy()
    other = Files()
    other.grow(None, [decision(n, subject=f"other 1.{n}") for n in range(4)], key)
    files.content[FIRST] = other.content[FIRST]

    with pytest.raises(BrokenLog, match="entry 3 was altered"):
        opened(files, key)


def test_a_missing_segment_is_named(key: FolderKey) -> None:
    files = Files()
    files.grow(None, [decision(n) for n in range(SEGMENT_ENTRIES + 1)], key)
    del files.content[segment_path(1)]

    with pytest.raises(BrokenLog, match=r"entry 256 of the log: trust/log/0001\.jsonl is missing"):
        opened(files, key)


def test_a_segment_beyond_the_head_is_refused(published: Files, key: FolderKey) -> None:
    files = published.copy()
    files.content[segment_path(1)] = files.content[FIRST]

    with pytest.raises(BrokenLog, match=r"0001\.jsonl is there, but the head says"):
        opened(files, key)


def test_a_log_without_its_head_is_refused(published: Files, key: FolderKey) -> None:
    files = published.copy()
    del files.content[HEAD_PATH]

    with pytest.raises(BrokenLog, match=r"head\.json is missing"):
        opened(files, key)


def test_the_log_of_another_repository_is_refused(published: Files, key: FolderKey) -> None:
    with pytest.raises(Refused, match=r"is of software\.example\.org, not of other\.example\.org"):
        read_log(published.read, public_keys=[public(key)], repository="other.example.org")


def test_a_head_by_a_key_that_the_policy_does_not_list_is_said(
    published: Files, other_key: FolderKey
) -> None:
    log = read_log(published.read, public_keys=[public(other_key)], repository=REPOSITORY)

    assert log is not None
    assert log.signed.signature is None
    assert "which the policy does not list" in log.signed.said


def test_an_altered_head_is_not_signed(published: Files, key: FolderKey) -> None:
    files = published.copy()
    envelope = json.loads(files.content[HEAD_PATH])
    text = base64.b64decode(envelope["payload"]).replace(b"2026-06-01", b"2026-06-02")
    envelope["payload"] = base64.b64encode(text).decode()
    files.content[HEAD_PATH] = json.dumps(envelope).encode()

    assert "was altered" in opened(files, key).signed.said


@pytest.mark.parametrize(
    ("name", "count", "said"),
    [
        ("../../etc/x", 1, "names no repository"),
        (REPOSITORY, 0, "says that the log has 0 entries"),
        (REPOSITORY, 10**12, "says that the log has"),
    ],
)
def test_a_head_that_claims_nonsense_is_refused(
    name: str, count: int, said: str, key: FolderKey
) -> None:
    head = {"repository": name, "entries": count, "last": "0" * 64, "at": "2026-01-01T00:00:00Z"}
    statement = {
        "predicateType": "urn:pansoft:decision-log:1",
        "predicate": {"schema": 1, "head": head},
    }
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    files = Files({HEAD_PATH: json.dumps({"payload": payload}).encode()})

    with pytest.raises(Refused, match=said):
        read_log(files.read, public_keys=[public(key)])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"payload": "%"}', b'{"payload": "e30="}'])
def test_what_is_no_head_is_refused(content: bytes, key: FolderKey) -> None:
    with pytest.raises(Refused, match="is no "):
        read_log(Files({HEAD_PATH: content}).read, public_keys=[public(key)])


def test_an_entry_that_somebody_noted_must_be_there(published: Files, key: FolderKey) -> None:
    log = opened(published, key)

    check_holds(log, log.links[1].hash)
    with pytest.raises(BrokenLog, match=r"no entry of the log of .* has the sha256 eeee"):
        check_holds(log, "e" * 64)
