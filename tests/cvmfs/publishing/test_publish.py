# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import Busy, UserError
from cvmfs.checking.check import check
from cvmfs.errors import RepositoryError
from cvmfs.format.hashes import Suffix
from cvmfs.format.history import log
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import Transaction, transaction
from cvmfs.publishing.repository import Repository
from cvmfs.reading.reader import open_reader
from tests.cvmfs.samples import (
    AT,
    CHUNK,
    FQRN,
    LATER,
    object_file,
    publish_tree,
    read,
    repository_snapshot,
    snapshot,
)


def test_odd_tree_comes_back_as_it_was(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    publish_tree(repository, keys, odd_tree, "images/odd/1.0", nest=True)

    reader = read(repository, keys)
    assert repository_snapshot(reader, "images/odd/1.0") == snapshot(odd_tree)
    assert check(reader).findings == ()


def test_folder_may_be_reached_by_a_link(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "current").symlink_to(odd_tree)

    publish_tree(repository, keys, tmp_path / "current", "odd")

    reader = read(repository, keys)
    assert repository_snapshot(reader, "odd") == snapshot(odd_tree)
    assert check(reader).findings == ()


def test_hard_links_of_one_directory_stay_together(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    publish_tree(repository, keys, odd_tree, "odd")

    reader = read(repository, keys)
    links = [reader.entry(f"odd/linked/{name}") for name in ("one", "two", "three")]
    assert {link.link_count for link in links} == {3}
    assert len({link.link_group for link in links}) == 1
    assert reader.entry("odd/elsewhere").link_count == 1
    assert reader.entry("odd/elsewhere").content_hash == links[0].content_hash


def test_one_name_of_a_linked_file_is_put_with_its_content(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    """A hard-linked file put alone was once published without content."""
    (tmp_path / "one").write_text("content", encoding="utf-8")
    (tmp_path / "two").hardlink_to(tmp_path / "one")

    with transaction(repository, keys, at=AT, message="one of two") as tx:
        tx.put_file(tmp_path / "one", "alone")

    reader = read(repository, keys)
    assert reader.read("alone") == b"content"
    assert reader.entry("alone").link_count == 1
    assert check(reader).findings == ()


def test_everything_belongs_to_root_unless_asked(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    with transaction(repository, keys, at=AT, message="theirs", uid=1000, gid=100) as tx:
        tx.put_tree(odd_tree, "theirs")
    with transaction(repository, keys, at=AT, message="root's") as tx:
        tx.put_tree(odd_tree, "roots")

    reader = read(repository, keys)
    assert {(entry.uid, entry.gid) for entry in reader.walk("theirs")} == {(1000, 100)}
    assert {(entry.uid, entry.gid) for entry in reader.walk("roots")} == {(0, 0)}


def test_publishing_the_same_again_makes_no_revision(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    first = publish_tree(repository, keys, odd_tree, "odd", nest=True)
    before = (repository.folder / ".cvmfspublished").read_bytes()

    with transaction(repository, keys, at=LATER, message="again") as tx:
        tx.put_tree(odd_tree, "odd", nest=True)
        tx.nest("odd")
        tx.remove("nothing/here")
        tx.put_bytes(b"three names\n", "odd/elsewhere")

    assert not tx.published.is_new
    assert (tx.published.revision, tx.published.root_hash) == (2, first.root_hash)
    assert tx.published.new_objects == 0
    assert (repository.folder / ".cvmfspublished").read_bytes() == before


def test_put_tree_replaces_what_was_there(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path, tmp_path: Path
) -> None:
    publish_tree(repository, keys, odd_tree, "x")
    other = tmp_path / "other"
    (other / "empty").mkdir(parents=True)  # a file before
    (other / "empty directory").write_text("a directory before")
    (other / "linked").mkdir()
    (other / "linked" / "two").write_text("three names\n")
    (other / "linked" / "new").hardlink_to(other / "linked" / "two")

    publish_tree(repository, keys, other, "x", at=LATER)

    reader = read(repository, keys)
    assert repository_snapshot(reader, "x") == snapshot(other)
    assert check(reader).findings == ()


def test_removing_one_name_of_a_hard_link_counts_the_others(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    publish_tree(repository, keys, odd_tree, "odd")

    with transaction(repository, keys, at=AT, message="less") as tx:
        tx.remove("odd/linked/two")
        tx.put_bytes(b"alone\n", "odd/linked/three")

    reader = read(repository, keys)
    assert reader.entry("odd/linked/one").link_count == 1
    assert check(reader).findings == ()


def test_single_files_make_their_directories(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    (tmp_path / "local").write_bytes(b"local\n")
    (tmp_path / "link").symlink_to("local")

    with transaction(repository, keys, at=AT, message="files") as tx:
        tx.put_bytes(b"{}\n", "a/b/c.json", mode=0o600)
        tx.put_file(tmp_path / "link", "a/d/e.txt")
        assert tx.exists("a/b/c.json")
        assert not tx.exists("a/nothing/below")

    reader = read(repository, keys)
    assert reader.read("a/b/c.json") == b"{}\n"
    assert reader.entry("a/b/c.json").mode == 0o100600
    assert reader.entry("a/b/c.json").mtime == int(AT.timestamp())
    assert reader.read("a/d/e.txt") == b"local\n"
    assert [entry.path for entry in reader.walk()] == [
        "", "a", "a/b", "a/b/c.json", "a/d", "a/d/e.txt",
    ]  # fmt: skip
    assert check(reader).findings == ()


def test_nested_catalogs_nest_move_and_go(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    (odd_tree / "with spaces" / ".cvmfscatalog").touch()
    publish_tree(repository, keys, odd_tree, "images/odd/1.0")
    assert check(read(repository, keys)).catalogs == 2

    with transaction(repository, keys, at=AT, message="nest above a nested one") as tx:
        tx.nest("images/odd")
        tx.nest("images/odd/1.0/linked")
    assert check(read(repository, keys)).catalogs == 4
    assert check(read(repository, keys)).findings == ()
    assert repository_snapshot(read(repository, keys), "images/odd/1.0") == snapshot(odd_tree)

    with transaction(repository, keys, at=AT, message="remove some") as tx:
        tx.remove("images/odd/1.0")
    assert check(read(repository, keys)).catalogs == 2
    assert check(read(repository, keys)).findings == ()


def test_nested_directory_stays_nested_when_its_tree_is_replaced(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    publish_tree(repository, keys, odd_tree, "odd", nest=True)
    (odd_tree / "more").mkdir()
    odd_tree.chmod(0o750)

    publish_tree(repository, keys, odd_tree, "odd")

    reader = read(repository, keys)
    assert reader.entry("odd").is_mountpoint
    assert reader.entry("odd").mode == 0o040750
    assert check(reader).findings == ()


def test_root_of_the_repository_can_be_replaced(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    with transaction(repository, keys, at=AT, message="one") as tx:
        tx.put_bytes(b"", "old/file")

    publish_tree(repository, keys, odd_tree, "")

    reader = read(repository, keys)
    assert reader.lookup("old") is None
    assert check(reader).findings == ()


def test_publishing_leaves_other_nested_catalogs_alone(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        publish_tree(repository, keys, odd_tree, f"images/{name}", nest=True)
    before = read(repository, keys).catalog_with("images").nested
    for name in ("a", "c"):  # opening one of them would fail
        object_file(repository, before[f"images/{name}"].content_hash, Suffix.CATALOG).rename(
            repository.folder / f"hidden-{name}"
        )

    with transaction(repository, keys, at=LATER, message="only b") as tx:
        tx.put_bytes(b"new\n", "images/b/new")

    for name in ("a", "c"):
        (repository.folder / f"hidden-{name}").rename(
            object_file(repository, before[f"images/{name}"].content_hash, Suffix.CATALOG)
        )
    reader = read(repository, keys)
    after = reader.catalog_with("images").nested
    assert [name for name in before if before[name] != after[name]] == ["images/b"]
    assert tx.published.new_objects == 4  # the file, two catalogs, the history
    assert check(reader).findings == ()


def test_images_share_what_lies_between_their_marks(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    base = os.urandom(9 * CHUNK + 77)
    images = {}
    for name, head, own in (
        ("one", b"h" * 31_000, b"1" * 99),
        ("two", b"H" * 47_111, b"2" * CHUNK),
    ):
        image = tmp_path / f"{name}.sif"
        image.write_bytes(head + base + own)
        images[image] = (len(head), len(head) + len(base))

    def publish(image: Path) -> int:
        with transaction(repository, keys, at=AT, message="i", cut_marks=images.__getitem__) as tx:
            tx.put_file(image, f"images/{image.name}")
        return tx.published.new_bytes

    sizes = [publish(image) for image in images]

    assert sizes[0] > len(base)
    assert sizes[1] < CHUNK + 47_111 + 20_000
    reader = read(repository, keys)
    assert all(reader.read(f"images/{image.name}") == image.read_bytes() for image in images)
    assert check(reader).findings == ()


def test_image_is_stored_as_it_is_and_text_is_compressed(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    for name in ("image.sif", "text.txt"):
        (tmp_path / "tree" / name).write_bytes(b"a" * 100_000)

    with transaction(repository, keys, at=AT, message="both") as tx:
        tx.put_tree(tmp_path / "tree", "both")

    assert 100_000 < tx.published.new_bytes < 110_000
    assert tx.published.logical_bytes == 200_000
    reader = read(repository, keys)
    assert reader.read("both/image.sif") == reader.read("both/text.txt") == b"a" * 100_000


def test_one_chunk_size_is_one_plain_object(repository: Repository, keys: RepositoryKeys) -> None:
    with transaction(repository, keys, at=AT, message="sizes", chunk_size=1000) as tx:
        tx.put_bytes(b"x" * 1000, "plain")
        tx.put_bytes(b"x" * 1001, "chunked")

    reader = read(repository, keys)
    assert reader.entry("plain").chunks == ()
    assert [chunk.piece.size for chunk in reader.entry("chunked").chunks] == [1000, 1]
    assert reader.entry("chunked").content_hash is None


def test_same_tree_makes_the_same_bytes(
    keys: RepositoryKeys, odd_tree: Path, tmp_path: Path
) -> None:
    from cvmfs.publishing.repository import create_repository

    roots = []
    for name in ("one", "two"):
        repository = create_repository(tmp_path / name, keys, at=AT)
        roots.append(publish_tree(repository, keys, odd_tree, "odd", nest=True).root_hash)

    assert roots[0] == roots[1]


def test_exception_in_the_block_publishes_nothing(
    repository: Repository, keys: RepositoryKeys
) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        transaction(repository, keys, at=AT, message="fails") as tx,
    ):
        _put_and_fail(tx)

    reader = read(repository, keys)
    assert (reader.revision, reader.listdir("")) == (1, ())
    assert list((repository.folder / "data" / "txn").iterdir()) == []
    with pytest.raises(RuntimeError):
        _ = tx.published


def _put_and_fail(tx: Transaction) -> None:
    tx.put_bytes(b"x", "a/b")
    raise ZeroDivisionError


def test_second_transaction_at_once_is_refused(
    repository: Repository, keys: RepositoryKeys
) -> None:
    with (
        transaction(repository, keys, at=AT, message="first"),
        pytest.raises(Busy, match="publish"),
        transaction(repository, keys, at=AT, message="second"),
    ):
        pass


def test_time_never_goes_back(repository: Repository, keys: RepositoryKeys) -> None:
    with transaction(repository, keys, at=AT - timedelta(days=1), message="early") as tx:
        tx.put_bytes(b"x", "x")

    assert read(repository, keys).manifest.published == int(AT.timestamp())


def test_keys_that_are_not_whitelisted_are_refused(
    repository: Repository, other_keys: RepositoryKeys
) -> None:
    with (
        pytest.raises(UserError, match="does not name the certificate"),
        transaction(repository, other_keys, at=AT, message="theirs"),
    ):
        pass


@pytest.mark.parametrize("path", ["", "/", "a/../b", ".cvmfscatalog", "a/.cvmfscatalog"])
def test_file_cannot_be_put_where_none_can_be(
    path: str, repository: Repository, keys: RepositoryKeys
) -> None:
    with (
        pytest.raises(RepositoryError),
        transaction(repository, keys, at=AT, message="bad") as tx,
    ):
        tx.put_bytes(b"x", path)


def test_file_in_the_way_of_a_directory_is_named(
    repository: Repository, keys: RepositoryKeys
) -> None:
    with (
        pytest.raises(RepositoryError, match="/a/file is a file"),
        transaction(repository, keys, at=AT, message="bad") as tx,
    ):
        _put_below_a_file(tx)


def _put_below_a_file(tx: Transaction) -> None:
    tx.put_bytes(b"x", "a/file")
    tx.put_bytes(b"x", "a/file/below")


def test_link_that_clients_would_change_is_refused(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "variable").symlink_to("$(HOME)/x")

    with (
        pytest.raises(RepositoryError, match="variable"),
        transaction(repository, keys, at=AT, message="bad") as tx,
    ):
        tx.put_tree(tmp_path / "tree", "tree")


def test_name_that_is_not_utf8_is_published(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    name = os.fsdecode(b"latin-\xe9")
    (tmp_path / "tree" / name).write_text("old\n")

    publish_tree(repository, keys, tmp_path / "tree", "tree")

    reader = read(repository, keys)
    assert [entry.name for entry in reader.listdir("tree")] == [name]
    assert reader.read(f"tree/{name}") == b"old\n"


def test_log_names_every_revision(repository: Repository, keys: RepositoryKeys) -> None:
    for number in range(2):
        with transaction(repository, keys, at=AT, message=f"change {number}") as tx:
            tx.put_bytes(b"x", f"file{number}")

    assert [(tag.revision, tag.description) for tag in log(repository)] == [
        (3, "change 1"),
        (2, "change 0"),
        (1, "new repository"),
    ]


_KILLED = """
import os, signal, sys
from pathlib import Path
from datetime import UTC, datetime
from cvmfs.format import keys
from cvmfs.publishing import objects
from cvmfs.publishing import publish
from cvmfs.publishing import repository
from cvmfs.storage import local
from tests.cvmfs.samples import AT, FQRN, LATER

module, name, count = sys.argv[3], sys.argv[4], int(sys.argv[5])
owner = {"store": objects.ObjectStore, "storage": local.LocalStorage}[module]
original, calls = getattr(owner, name), 0

def deadly(*args, **kwargs):
    global calls
    calls += 1
    if calls == count:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)

setattr(owner, name, deadly)
opened = repository.open_repository(Path(sys.argv[1]), FQRN)
own = keys.load_keys(Path(sys.argv[2]), FQRN)
with publish.transaction(opened, own, at=LATER, message="killed") as tx:
    tx.put_tree(Path(sys.argv[6]), "odd", nest=True)
"""


@pytest.mark.parametrize(
    ("module", "name", "count"),
    [
        ("store", "put", 1),
        ("store", "put", 6),
        ("storage", "_name", 4),
        ("store", "put_file", 1),
        ("store", "put_file", 2),
        ("store", "put_compressed", 1),
        ("storage", "make_durable", 1),
        ("storage", "swap", 3),
        ("storage", "swap", 5),
        ("store", "clean_scratch", 2),
    ],
    ids=[
        "before the first object",
        "between objects",
        "before an object has its name",
        "before the first catalog",
        "between catalogs",
        "before certificate and history",
        "before the sync",
        "before the reflog",
        "before the manifest",
        "after the manifest",
    ],
)
def test_killed_publish_leaves_the_old_revision_or_the_new_one(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path, module: str, name: str, count: int
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, repository.folder, keys.public_key.parent,
         module, name, str(count), odd_tree],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()

    reader = open_reader(repository.folder, FQRN, keys.public_key, at=LATER)
    assert reader.revision == (2 if name == "clean_scratch" else 1)
    # The reflog may be one publish ahead of the manifest: no reader looks at it, the next publish mends it.
    assert {finding.rule for finding in check(reader).findings} <= {"reflog"}

    publish_tree(repository, keys, odd_tree, "odd", at=LATER, nest=True)
    reader = read(repository, keys)
    assert reader.revision == 2
    assert repository_snapshot(reader, "odd") == snapshot(odd_tree)
    assert check(reader).findings == ()
    assert list((repository.folder / "data" / "txn").iterdir()) == []
