# SPDX-License-Identifier: BSD-3-Clause
"""The keys of an issuer as they were reviewed into the policy: `issuers/NAME.jwks.json`.

An issuer rotates its keys and shows only those of today. What was signed with a token last year is
verified by the keys that were seen then, which stand in git with their days, and no network is asked.
The file is a key set like the issuer's own, with two members more in every key:

    first_seen  the day on which it was first found at the issuer
    gone        the day on which it was found missing; null as long as it is there

A token counts by a key if it was made on a day from `first_seen` (the day before will do: the token
came first) until the day before `gone`. Whoever knows that a key was stolen earlier writes that day.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from core.canonical import Json, readable_json
from core.errors import Refused
from trust.identity import keysets
from trust.identity.keysets import KeySet, PublishedKey
from trust.policy.fields import day_of

SCHEMA = 1
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ReviewedKey:
    """A key and the days of it."""

    key: PublishedKey
    first_seen: date
    gone: date | None = None

    def was_there(self, day: date) -> bool:
        """Return whether a token of that day may be by this key."""
        return self.first_seen - timedelta(days=1) <= day and (self.gone is None or day < self.gone)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All keys of an issuer that were ever reviewed, and the day on which it was last asked."""

    issuer: str
    updated: date
    keys: tuple[ReviewedKey, ...]

    @property
    def key_set(self) -> KeySet:
        """Return the keys of all days; which of them counts when is for `check` to say."""
        return KeySet(tuple(each.key for each in self.keys))

    def check(self, kid: str, made: datetime) -> None:
        """Refuse a token whose key the issuer did not have when it was made.

        Raises:
            Refused: the key came later, or was gone already.
        """
        known = next((each for each in self.keys if each.key.kid == kid), None)
        if known is None or not known.was_there(made.date()):
            raise Refused(
                f"the token was made on {made:%Y-%m-%d}, when {self.issuer} did not have its key "
                f"{kid[:60]!r}"
            )


def read(file: Path, *, issuer: str) -> Snapshot:
    """Return the reviewed keys of an issuer.

    Raises:
        Refused: there are none, or the file cannot be believed.
    """
    try:
        content = file.read_bytes()
    except OSError as err:
        raise Refused(
            f"there are no reviewed keys of {issuer}: {file.name} is missing",
            hint=f"pansoft trust issuer {file.name.partition('.')[0]} --update writes them",
        ) from err
    try:
        data: Any = json.loads(content[:MOST_BYTES])  # Any: looked at member by member below
        if data["schema"] != SCHEMA or data["issuer"] != issuer:
            raise Refused(f"{file} holds the keys of another issuer, or in another form")
        keys = keysets.read({"keys": data["keys"]}, what=str(file))
        days = {each["kid"]: each for each in data["keys"]}
        return Snapshot(
            issuer,
            _day(data["updated"]),
            tuple(_reviewed(key, days[key.kid]) for key in keys.keys),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise Refused(
            f"{file} is no file of reviewed keys", hint="take it from git again, or make it anew"
        ) from err


def updated(before: Snapshot | None, issuer: str, keys: KeySet, *, at: datetime) -> Snapshot:
    """Return the reviewed keys with what an issuer shows today.

    Raises:
        Refused: the issuer shows another key under the `kid` of an old one.
    """
    today = at.date()
    old = {each.key.kid: each for each in before.keys} if before else {}
    for key in keys.keys:
        known = old.get(key.kid)
        if known is not None and known.key != key:
            raise Refused(
                f"{issuer} shows another key under the kid {key.kid[:60]!r} that it had before",
                hint="an issuer gives each key a name of its own; ask its administrator",
            )
    kept = [_seen_again(each, keys, today) for each in old.values()]
    new = [ReviewedKey(key, today) for key in keys.keys if key.kid not in old]
    return Snapshot(issuer, today, (*kept, *new))


def changes(before: Snapshot | None, after: Snapshot) -> tuple[str, ...]:
    """Return in words what is new and what is gone."""
    old = {each.key.kid: each for each in before.keys} if before else {}
    told = []
    for each in after.keys:
        known = old.get(each.key.kid)
        if known is None:
            told.append(f"new key {each.key.kid}")
        elif known.gone is None and each.gone is not None:
            told.append(f"key {each.key.kid} is gone: what was signed with it before still counts")
        elif known.gone is not None and each.gone is None:
            told.append(f"key {each.key.kid} is back")
    return tuple(told)


def text(snapshot: Snapshot) -> str:
    """Return the file of reviewed keys."""
    keys: list[Json] = [
        {
            **keysets.to_json(each.key),
            "first_seen": each.first_seen.isoformat(),
            "gone": each.gone.isoformat() if each.gone else None,
        }
        for each in snapshot.keys
    ]
    return readable_json(
        {
            "schema": SCHEMA,
            "issuer": snapshot.issuer,
            "updated": snapshot.updated.isoformat(),
            "keys": keys,
        }
    )


def _seen_again(known: ReviewedKey, keys: KeySet, today: date) -> ReviewedKey:
    """Return an old key as of today; one that came back counts from today on only."""
    there = keys.key(known.key.kid) is not None
    if there:
        return known if known.gone is None else ReviewedKey(known.key, today)
    return known if known.gone is not None else ReviewedKey(known.key, known.first_seen, today)


def _reviewed(key: PublishedKey, member: dict[str, Any]) -> ReviewedKey:
    gone = member["gone"]
    return ReviewedKey(key, _day(member["first_seen"]), None if gone is None else _day(gone))


def _day(text: str) -> date:
    found = day_of(text)
    if found is None:
        raise ValueError(text)
    return found
