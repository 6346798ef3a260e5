# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.format.keys import RepositoryKeys
from cvmfs.mirroring.serve import serving
from cvmfs.mounting.mount import is_mounted, is_stale, mounted, start_mount, stop_mount
from cvmfs.publishing.local_tree import TreeRules, VariableLinks
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, sign_whitelist
from cvmfs.publishing.tagging import add_tag
from tests.cvmfs.samples import CHUNK, FQRN, flip_byte, snapshot
from tests.cvmfs.servers import Well, Wrong, misbehaving

pytestmark = pytest.mark.needs("fusermount3", "getfattr")

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _valid_today(published: Repository, keys: RepositoryKeys) -> None:
    """Sign the whitelist anew: the mount process looks at the clock."""
    sign_whitelist(published, keys, at=NOW)


@pytest.fixture(name="mountpoint")
def _mountpoint(published: Repository, keys: RepositoryKeys, tmp_path: Path) -> Iterator[Path]:
    target = tmp_path / "mount point"
    with mounted(published.folder, FQRN, keys.public_key, target, refresh_s=0.2):
        yield target


def test_tree_is_the_one_that_was_published(mountpoint: Path, published_tree: Path) -> None:
    assert snapshot(mountpoint / "odd") == snapshot(published_tree)


def test_tree_by_http_is_the_same(
    published: Repository, keys: RepositoryKeys, published_tree: Path, tmp_path: Path
) -> None:
    with (
        serving(published.folder) as url,
        mounted(url, FQRN, keys.public_key, tmp_path / "m", cache=tmp_path / "cache") as mountpoint,
    ):
        assert snapshot(mountpoint / "odd") == snapshot(published_tree)
    assert not is_mounted(tmp_path / "m")


def test_hard_links_share_an_inode(mountpoint: Path) -> None:
    one, two = ((mountpoint / "odd" / "linked" / name).stat() for name in ("one", "two"))

    assert one.st_ino == two.st_ino
    assert one.st_nlink == 3
    assert one.st_ino != (mountpoint / "odd" / "empty").stat().st_ino
    listed = {entry.name: entry.inode() for entry in os.scandir(mountpoint / "odd" / "linked")}
    assert listed["one"] == one.st_ino


def test_programs_run_from_it(mountpoint: Path) -> None:
    done = subprocess.run([mountpoint / "odd" / "script.sh"], capture_output=True, check=True)

    assert done.stdout == b"hello\n"


def test_large_file_is_read_at_random_places(mountpoint: Path, published_tree: Path) -> None:
    expected = (published_tree / "large.bin").read_bytes()

    with (mountpoint / "odd" / "large.bin").open("rb") as stream:
        for offset in (8 * CHUNK + 5, 3, 4 * CHUNK - 10, 9 * CHUNK):
            stream.seek(offset)
            assert stream.read(100) == expected[offset : offset + 100]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (lambda root: (root / "new").write_text("x"), errno.EROFS),
        (lambda root: (root / "odd" / "empty").unlink(), errno.EROFS),
        (lambda root: (root / "new").mkdir(), errno.EROFS),
        (lambda root: (root / "odd" / "empty").chmod(0o777), errno.EROFS),
        (lambda root: (root / "none").read_text(), errno.ENOENT),
        (lambda root: os.getxattr(root / "odd", "user.none"), errno.ENODATA),
    ],
    ids=["write", "unlink", "mkdir", "chmod", "missing file", "missing attribute"],
)
def test_refused_operation_has_its_errno(
    mountpoint: Path, operation: object, expected: int
) -> None:
    assert callable(operation)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is asserted
        operation(mountpoint)

    assert caught.value.errno == expected


def test_attributes_say_what_is_mounted(published: Repository, mountpoint: Path) -> None:
    dump = subprocess.run(
        ["getfattr", "--absolute-names", "-d", mountpoint],
        capture_output=True,
        check=True,
        text=True,
    ).stdout

    assert f'user.fqrn="{FQRN}"' in dump
    assert 'user.revision="2"' in dump
    assert f'user.root_hash="{published.manifest.root_hash}"' in dump
    assert f'user.host="file://{published.folder}"' in dump
    assert 'user.proxy="DIRECT"' in dump


def test_attributes_of_files_and_links_are_those_of_the_client(mountpoint: Path) -> None:
    large, empty = mountpoint / "odd" / "large.bin", mountpoint / "odd" / "empty"

    assert _getfattr(large, "user.chunks") == "3"
    assert _getfattr(large, "user.chunk_list").splitlines()[0] == "hash,offset,size"
    assert len(_getfattr(empty, "user.hash")) == 40
    assert _getfattr(empty, "user.lhash") == _getfattr(empty, "user.hash")
    assert _getfattr(mountpoint / "odd" / "link", "xfsroot.rawlink") == "with spaces/a b.txt"


def test_variables_in_links_are_those_of_the_mount_process(
    published: Repository, keys: RepositoryKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "site").symlink_to("/sites/$(SITE)/$(RELEASE:-latest)")
    rules = TreeRules(variable_links=VariableLinks.KEEP)
    with transaction(published, keys, at=NOW, message="links") as tx:
        tx.put_tree(tmp_path / "tree", "tree", rules=rules)
    monkeypatch.setenv("SITE", "desy")

    with mounted(published.folder, FQRN, keys.public_key, tmp_path / "m") as mountpoint:
        link = mountpoint / "tree" / "site"

        assert str(link.readlink()) == "/sites/desy/latest"
        assert link.lstat().st_size == len("/sites/desy/latest")
        assert _getfattr(link, "xfsroot.rawlink") == "/sites/$(SITE)/$(RELEASE:-latest)"


def test_attributes_of_the_published_file_are_there(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("with an origin\n")
    os.setxattr(tmp_path / "file", "user.origin", b"beamline \xff")
    with transaction(published, keys, at=NOW, message="file") as tx:
        tx.put_file(tmp_path / "file", "file", rules=TreeRules(xattrs=True))

    with mounted(published.folder, FQRN, keys.public_key, tmp_path / "m") as mountpoint:
        names = os.listxattr(mountpoint / "file")

        assert os.getxattr(mountpoint / "file", "user.origin") == b"beamline \xff"
        assert "user.origin" in names
        assert len(names) == len(set(names))


def test_mount_is_there_without_a_server_when_the_cache_is(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    cache, target = tmp_path / "cache", tmp_path / "m"
    with (
        serving(published.folder) as url,
        mounted(url, FQRN, keys.public_key, target, cache=cache) as mountpoint,
    ):
        content = (mountpoint / "odd" / "large.bin").read_bytes()
        (mountpoint / "odd" / "script.sh").lstat()

    with mounted(url, FQRN, keys.public_key, target, cache=cache) as mountpoint:
        assert (mountpoint / "odd" / "large.bin").read_bytes() == content
        with pytest.raises(OSError, match="Input/output error"):
            (mountpoint / "odd" / "script.sh").read_bytes()
        assert _getfattr(mountpoint, "user.nioerr") != "0"

    assert f"no server of {FQRN} answers, revision 2" in (tmp_path / "m.log").read_text()


def test_mirror_takes_over_while_the_mount_is_used(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    with (
        misbehaving(published.folder, Well()) as first,
        serving(published.folder) as second,
        mounted(
            [first.url, second], FQRN, keys.public_key, tmp_path / "m", cache=tmp_path / "cache"
        ) as mountpoint,
    ):
        (mountpoint / "odd" / "empty").read_bytes()
        assert _getfattr(mountpoint, "user.host_list") == f"{first.url};{second}"
        first.behaviour = Wrong()

        assert (mountpoint / "odd" / "script.sh").read_bytes() == b"#!/bin/sh\necho hello\n"
        assert _getfattr(mountpoint, "user.host") == second


def test_cache_keeps_to_its_quota(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    image = os.urandom(9 * CHUNK)
    with transaction(published, keys, at=NOW, message="image", chunk_size=CHUNK // 2) as tx:
        tx.put_bytes(image, "image.sif")
    cache = tmp_path / "cache"
    with (
        serving(published.folder) as url,
        mounted(
            url, FQRN, keys.public_key, tmp_path / "m", cache=cache, quota=4 * CHUNK
        ) as mountpoint,
    ):
        assert (mountpoint / "image.sif").read_bytes() == image

    assert sum(file.stat().st_size for file in cache.glob("??/*")) <= 4 * CHUNK


def test_broken_new_revision_leaves_the_old_one(
    published: Repository, keys: RepositoryKeys, mountpoint: Path
) -> None:
    manifest = published.folder / ".cvmfspublished"
    with transaction(published, keys, at=NOW, message="new") as tx:
        tx.put_bytes(b"new\n", "new")
    _wait_for(lambda: (mountpoint / "new").exists())
    with transaction(published, keys, at=NOW, message="newer") as tx:
        tx.put_bytes(b"newer\n", "newer")
        manifest_before = manifest.read_bytes()
    good = manifest.read_bytes()
    flip_byte(manifest, 5)

    log = mountpoint.with_name("mount point.log")
    _wait_for(lambda: "staying at revision" in log.read_text())
    assert (mountpoint / "new").read_text() == "new\n"
    assert manifest_before != good
    manifest.write_bytes(good)
    _wait_for(lambda: (mountpoint / "newer").exists())


def test_new_revision_shows_without_remounting(
    published: Repository, keys: RepositoryKeys, mountpoint: Path
) -> None:
    assert not (mountpoint / "new").exists()
    assert (mountpoint / "odd" / "script.sh").read_text() != ""

    with transaction(published, keys, at=NOW, message="new") as tx:
        tx.put_bytes(b"new\n", "new")
        tx.put_bytes(b"changed, and longer than before\n", "odd/script.sh")

    _wait_for(lambda: (mountpoint / "new").exists())
    assert (mountpoint / "new").read_text() == "new\n"
    _wait_for(lambda: (mountpoint / "odd" / "script.sh").read_text().startswith("changed"))
    assert os.getxattr(mountpoint, "user.revision") == b"3"


def test_mount_of_a_tag_sees_its_revision_until_the_tag_is_moved(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    for content in (b"old", b"the next"):
        with transaction(published, keys, at=NOW) as tx:
            tx.put_bytes(content, "program")
    old, new = published.manifest.revision - 1, published.manifest.revision
    add_tag(published, keys, "proven", at=NOW, revision=old)
    here = tmp_path / "m"
    with (
        serving(published.folder) as url,
        mounted(
            *(url, FQRN, keys.public_key, here),
            cache=tmp_path / "cache",
            refresh_s=0.2,
            tag="proven",
        ),
    ):
        seen = [(_getfattr(here, "user.revision"), (here / "program").read_bytes())]
        with transaction(published, keys, at=NOW) as tx:
            tx.put_bytes(b"newest", "program")
        time.sleep(1)  # five looks
        seen.append((_getfattr(here, "user.revision"), (here / "program").read_bytes()))

        add_tag(published, keys, "proven", at=NOW, revision=new)

        _wait_for(lambda: _getfattr(here, "user.revision") == str(new))
        _wait_for(lambda: (here / "program").stat().st_size == len(b"the next"))
        seen.append((_getfattr(here, "user.revision"), (here / "program").read_bytes()))
    assert seen == [(str(old), b"old"), (str(old), b"old"), (str(new), b"the next")]


def test_tag_that_is_not_there_is_not_mounted(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="has no tag 'proven'"):
        start_mount(published.folder, FQRN, keys.public_key, tmp_path / "m", tag="proven")

    assert not is_mounted(tmp_path / "m")


def test_corrupted_object_is_an_io_error_and_a_sentence_in_the_log(
    published: Repository, mountpoint: Path
) -> None:
    digest = os.getxattr(mountpoint / "odd" / "secret", "user.hash").decode()
    flip_byte(published.folder / "data" / digest[:2] / digest[2:])

    with pytest.raises(OSError, match="Input/output error"):
        (mountpoint / "odd" / "secret").read_bytes()

    log = mountpoint.with_name("mount point.log").read_text()
    assert f"expected was {digest}" in log
    assert "Traceback" not in log
    assert (mountpoint / "odd" / "script.sh").read_bytes() != b""


def test_dead_mount_is_cleaned_away(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    target = tmp_path / "dead"
    mount = start_mount(published.folder, FQRN, keys.public_key, target)
    os.kill(mount.process.pid, signal.SIGKILL)
    mount.process.wait()
    was_stale = is_stale(target)

    with mounted(published.folder, FQRN, keys.public_key, target):
        assert was_stale
        assert not is_stale(target)
        assert (target / "odd").is_dir()

    assert not is_mounted(target)


def test_mountpoint_may_be_a_link(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    with mounted(published.folder, FQRN, keys.public_key, tmp_path / "link") as mountpoint:
        assert (mountpoint / "odd").is_dir()
        assert is_mounted(tmp_path / "real")

    assert not is_mounted(tmp_path / "link")


def test_second_mount_at_the_same_place_is_refused(
    published: Repository, keys: RepositoryKeys, mountpoint: Path
) -> None:
    with pytest.raises(UserError, match=r"mounted at .* already"):
        start_mount(published.folder, FQRN, keys.public_key, mountpoint)


def test_stopping_what_is_not_mounted_does_nothing(tmp_path: Path) -> None:
    stop_mount(tmp_path)


def test_image_in_the_cache_is_read_and_verified_again(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    image = os.urandom(9 * CHUNK)
    with transaction(published, keys, at=NOW, message="image") as tx:
        tx.put_bytes(image, "image.sif")
    cache = tmp_path / "cache"
    with serving(published.folder) as url:
        for _ in range(2):
            with mounted(url, FQRN, keys.public_key, tmp_path / "m", cache=cache) as mountpoint:
                assert (mountpoint / "image.sif").read_bytes() == image
            for kept in cache.glob("??/*P"):
                flip_byte(kept)


def test_object_that_shrinks_while_it_is_open_is_an_io_error(
    published: Repository, keys: RepositoryKeys, mountpoint: Path
) -> None:
    with transaction(published, keys, at=NOW, message="image") as tx:
        tx.put_bytes(os.urandom(3 * CHUNK), "image.sif")
    _wait_for(lambda: (mountpoint / "image.sif").exists())
    with (mountpoint / "image.sif").open("rb", buffering=0) as stream:
        assert len(stream.read(100)) == 100
        digest = os.getxattr(mountpoint / "image.sif", "user.hash").decode()
        os.truncate(published.folder / "data" / digest[:2] / digest[2:], 10)
        stream.seek(2 * CHUNK)

        with pytest.raises(OSError, match="Input/output error"):
            stream.read(100)

    assert (mountpoint / "odd" / "script.sh").exists()


def test_repository_that_does_not_verify_is_not_mounted(
    published: Repository, other_keys: RepositoryKeys, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"cannot mount .*not signed by the given master key"):
        start_mount(published.folder, FQRN, other_keys.public_key, tmp_path / "m")

    assert not is_mounted(tmp_path / "m")


def _wait_for(condition: object, seconds: float = 10.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.05)


def _getfattr(path: Path, name: str) -> str:
    """Return what the real program shows of an attribute."""
    return subprocess.run(
        ["getfattr", "--absolute-names", "-h", "--only-values", "-n", name, path],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
