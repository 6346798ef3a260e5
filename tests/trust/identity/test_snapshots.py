# SPDX-License-Identifier: BSD-3-Clause
"""Keys of issuers as they were reviewed: old ones stay, with their days."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from core.errors import Refused
from tests.oidc_issuer import NOON, IssuerKey, new_key
from trust.identity import keysets, snapshots
from trust.identity.keysets import KeySet
from trust.identity.snapshots import ReviewedKey, Snapshot

URL = "https://gitlab.example.org"
ONE, TWO = new_key("one"), new_key("two")
DAY = timedelta(days=1)


def keys(*of: IssuerKey) -> KeySet:
    return keysets.read({"keys": [key.jwk() for key in of]}, what="the keys")


def rotated() -> Snapshot:
    """The first key was there in June and is gone in July, when the second came."""
    first = snapshots.updated(None, URL, keys(ONE), at=NOON)
    return snapshots.updated(first, URL, keys(TWO), at=NOON + 30 * DAY)


def test_keys_have_the_days_of_their_coming_and_going() -> None:
    assert [(each.key.kid, each.first_seen, each.gone) for each in rotated().keys] == [
        ("one", date(2026, 6, 1), date(2026, 7, 1)),
        ("two", date(2026, 7, 1), None),
    ]


def test_nothing_new_changes_the_day_of_the_update_only() -> None:
    first = snapshots.updated(None, URL, keys(ONE), at=NOON)
    again = snapshots.updated(first, URL, keys(ONE), at=NOON + 3 * DAY)

    assert again.keys == first.keys
    assert again.updated == date(2026, 6, 4)


@pytest.mark.parametrize(
    ("kid", "days", "counts"),
    [
        ("one", -2, False),
        ("one", -1, True),
        ("one", 0, True),
        ("one", 29, True),
        ("one", 30, False),
        ("one", 300, False),
        ("two", 0, False),
        ("two", 29, True),
        ("two", 3000, True),
        ("three", 0, False),
    ],
)
def test_a_token_counts_by_a_key_of_its_day(kid: str, days: int, counts: bool) -> None:
    if counts:
        rotated().check(kid, NOON + days * DAY)
    else:
        with pytest.raises(Refused, match=f"when {URL} did not have its key '{kid}'"):
            rotated().check(kid, NOON + days * DAY)


def test_a_key_that_comes_back_counts_from_then_on() -> None:
    back = snapshots.updated(rotated(), URL, keys(ONE, TWO), at=NOON + 60 * DAY)

    assert back.keys[0] == ReviewedKey(keys(ONE).keys[0], date(2026, 7, 31))


def test_another_key_under_an_old_kid_is_refused() -> None:
    with pytest.raises(Refused, match="another key under the kid 'one'"):
        snapshots.updated(rotated(), URL, keys(new_key("one")), at=NOON + 60 * DAY)


def test_what_changes_is_said() -> None:
    first = snapshots.updated(None, URL, keys(ONE), at=NOON)
    back = snapshots.updated(rotated(), URL, keys(ONE), at=NOON + 60 * DAY)

    assert snapshots.changes(None, first) == ("new key one",)
    assert snapshots.changes(first, rotated()) == (
        "key one is gone: what was signed with it before still counts",
        "new key two",
    )
    assert snapshots.changes(rotated(), back)[0] == "key one is back"
    assert snapshots.changes(first, first) == ()


def test_a_file_goes_out_and_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "gitlab.jwks.json"
    file.write_text(snapshots.text(rotated()))

    assert snapshots.read(file, issuer=URL) == rotated()
    assert keysets.parse(file.read_bytes(), what="any reader of key sets").key("two")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (URL, "https://evil.example", "of another issuer"),
        ('"schema": 1', '"schema": 2', "another form"),
        ('"first_seen": "2026-06-01"', '"first_seen": "2026-02-30"', "no file of reviewed keys"),
        ('"gone": null', '"gone": 7', "no file of reviewed keys"),
        ('"gone": null,', "", "no file of reviewed keys"),
        ('"keys"', '"kees"', "no file of reviewed keys"),
        ("{", "", "no file of reviewed keys"),
        ('"kid": "two"', '"kid": "one"', "two keys of one kid"),
        ('"kty": "EC"', '"kty": "EC", "d": "AA"', "private key"),
    ],
)
def test_a_spoilt_file_is_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    file = tmp_path / "gitlab.jwks.json"
    whole = snapshots.text(rotated())
    assert old in whole
    file.write_text(whole.replace(old, new))

    with pytest.raises(Refused, match=reason):
        snapshots.read(file, issuer=URL)


def test_a_file_that_is_missing_says_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        snapshots.read(tmp_path / "gitlab.jwks.json", issuer=URL)

    assert refused.value.hint == "pansoft trust issuer gitlab --update writes them"
