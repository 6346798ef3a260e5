# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import MANIFEST
from cvmfs.mirroring.mirrors import Alarm, Mirror, alarms, look, readable_age
from cvmfs.mirroring.replicate import LAST_SNAPSHOT, replicate
from cvmfs.mirroring.serve import serving
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, repository_at
from cvmfs.publishing.server_status import STATUS
from cvmfs.storage.local import LocalStorage
from tests.cvmfs.samples import AT, FQRN, flip_byte

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WEEK = 7 * DAY


def publish(repository: Repository, keys: RepositoryKeys, text: str, *, days: int) -> None:
    """Publish one file, so many days after the beginning."""
    with transaction(repository, keys, at=AT + days * DAY, message=text) as tx:
        tx.put_bytes(text.encode(), "file")


def mirror_of(repository: Repository, folder: Path, keys: RepositoryKeys, *, days: int) -> str:
    """Make or update a replica, so many days after the beginning, and return where it is."""
    at = AT + days * DAY
    source = str(repository.folder)
    replicate(source, LocalStorage(folder), keys.public_key, at=at, fqrn=FQRN)
    return str(folder)


def judged(mirrors: tuple[Mirror, ...], *, days: float, max_age: timedelta = DAY) -> list[str]:
    """Return the alarms so many days after the beginning, without the folders they name."""
    found = alarms(mirrors, at=AT + days * DAY, max_age=max_age, warn=10 * DAY)
    return [f"{Path(alarm.url).name}: {alarm.message}" for alarm in found]


def test_state_of_a_server_is_what_its_signed_files_say(
    repository: Repository, tmp_path: Path, keys: RepositoryKeys
) -> None:
    publish(repository, keys, "one", days=1)
    replica = Path(mirror_of(repository, tmp_path / "replica", keys, days=2))

    with serving(repository.folder) as original, serving(replica) as copy:
        mirrors = look([original, copy], keys.public_key, at=AT + 2 * DAY)

    first, second = [mirror.state for mirror in mirrors]
    assert first is not None
    assert second is not None
    manifest = repository.manifest
    assert [mirror.url for mirror in mirrors] == [original, copy]
    for state in (first, second):
        assert (state.fqrn, state.revision, state.root_hash) == (FQRN, 2, manifest.root_hash)
        assert state.published == AT + DAY
        assert state.whitelist_expires == repository.whitelist.expires
        assert state.times == ((1, AT), (2, AT + DAY))
        assert state.latency_s > 0
    assert (first.last_snapshot, second.last_snapshot) == (None, AT + 2 * DAY)
    assert alarms(mirrors, at=AT + 2 * DAY, max_age=DAY, warn=DAY) == ()


def test_mirror_is_behind_when_it_lacks_something_old(
    repository: Repository, tmp_path: Path, keys: RepositoryKeys
) -> None:
    """What it lacks was published on day 5 and again on day 8: the age counts from day 5."""
    mirror_of(repository, tmp_path / "replica", keys, days=1)
    publish(repository, keys, "first", days=5)
    publish(repository, keys, "second", days=8)
    places = [str(repository.folder), str(tmp_path / "replica")]
    mirrors = look(places, keys.public_key, at=AT + 8 * DAY, fqrn=FQRN)

    assert judged(mirrors, days=8, max_age=WEEK) == []
    assert judged(mirrors, days=8, max_age=2 * DAY) == [
        "replica: behind: has revision 1 of 3, lacks what was published 3 d 0 h ago",
        "replica: was last updated 7 d 0 h ago",
    ]


def test_two_roots_of_one_revision_are_a_split_view(
    repository: Repository, tmp_path: Path, keys: RepositoryKeys
) -> None:
    shutil.copytree(repository.folder, tmp_path / "twin")
    publish(repository, keys, "one", days=1)
    publish(repository_at(tmp_path / "twin", FQRN), keys, "other", days=1)
    places = [str(repository.folder), str(tmp_path / "twin")]

    mirrors = look(places, keys.public_key, at=AT + DAY, fqrn=FQRN)

    said = judged(mirrors, days=1)
    assert [line.split(": its")[0] for line in said] == [
        "repository: split view",
        "twin: split view",
    ]
    assert str(repository.manifest.root_hash) in said[0]
    assert str(tmp_path / "twin") in said[0]


def test_whitelist_that_ends_soon_is_told(repository: Repository, keys: RepositoryKeys) -> None:
    mirrors = look([str(repository.folder)], keys.public_key, at=AT, fqrn=FQRN)

    assert judged(mirrors, days=19) == []
    assert judged(mirrors, days=25) == ["repository: its whitelist expires in 4 d 23 h"]


def test_server_that_does_not_verify_is_an_alarm_and_hides_no_other(
    repository: Repository, tmp_path: Path, keys: RepositoryKeys
) -> None:
    shutil.copytree(repository.folder, tmp_path / "bad")
    flip_byte(tmp_path / "bad" / MANIFEST)
    places = [str(tmp_path / "bad"), str(tmp_path / "none"), str(repository.folder)]

    mirrors = look(places, keys.public_key, at=AT, fqrn=FQRN)

    assert [mirror.state is None for mirror in mirrors] == [True, True, False]
    bad, none = alarms(mirrors, at=AT, max_age=DAY, warn=DAY)
    assert bad.message.endswith("is not signed by the key of the certificate that it names")
    assert none == Alarm(places[1], f"{places[1]}/.cvmfswhitelist is missing") or (
        none == Alarm(places[1], f"{places[1]}/.cvmfspublished is missing")
    )


def test_several_repositories_are_not_compared(keys: RepositoryKeys) -> None:
    with pytest.raises(UserError, match=r"several repositories: a\.example\.org, b\.example\.org"):
        look(["http://h/cvmfs/a.example.org", "/srv/b.example.org"], keys.public_key, at=AT)


@pytest.mark.parametrize("status", ["{}", "[]", "no json", "[" * 100_000, None])
def test_older_servers_say_in_a_file_when_they_were_updated(
    repository: Repository, tmp_path: Path, keys: RepositoryKeys, status: str | None
) -> None:
    replica = Path(mirror_of(repository, tmp_path / "replica", keys, days=1))
    (replica / STATUS).unlink()
    if status is not None:
        (replica / STATUS).write_text(status)
    (replica / LAST_SNAPSHOT).write_text("Mon Mar  2 12:30:15 UTC 2026\n")

    (mirror,) = look([str(replica)], keys.public_key, at=AT + DAY, fqrn=FQRN)

    assert mirror.state is not None
    assert mirror.state.last_snapshot == AT + DAY


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=40), "40 s"),
        (timedelta(minutes=5, seconds=3), "5 min"),
        (2 * HOUR + timedelta(minutes=5), "2 h 5 min"),
        (3 * DAY + 4 * HOUR, "3 d 4 h"),
        (-HOUR, "0 s"),
    ],
)
def test_ages_are_readable(age: timedelta, text: str) -> None:
    assert readable_age(age) == text
