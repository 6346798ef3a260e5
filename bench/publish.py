# SPDX-License-Identifier: BSD-3-Clause
"""How fast a tree is published, and what it costs in a repository that is large already.

    make bench NAME=publish

The tree is put together from this machine's /usr: 30,000 files of about 1 GB, half of the bytes in files
above 4 MiB, or as much of that as there is. Beside it, in the same run, `tar | gzip -6` of the same tree. The
genuine publisher, whose processor seconds go into zlib, was measured elsewhere at 1.35 times of that.

Then the same tree again with one file in a hundred changed, and one package of a hundred files into
repositories of 10,000, 100,000 and a million entries.
"""

from __future__ import annotations

import argparse
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measuring import Cost, answer, measured
from core import process
from core.console import readable_size
from cvmfs.format.keys import RepositoryKeys, create_keys
from cvmfs.publishing.publish import Publication, transaction
from cvmfs.publishing.repository import Repository, create_repository
from cvmfs.reading.snapshots import current_snapshot

AT = datetime(2026, 1, 1, tzinfo=UTC)
FQRN = "bench.example.org"
FILES = 30_000
BYTES = 988_000_000
LARGE = 4 << 20
LARGE_BYTES = 474_000_000
PACKAGE_ENTRIES = 1000
SIZES = (10_000, 100_000, 1_000_000)
REPEATS = 5
_FROM = (Path("/usr/share"), Path("/usr/lib"))
_LARGEST = 64 << 20


def main() -> None:
    """Measure, and print two tables and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tree", type=Path, help="publish a copy of this folder in place of files of /usr"
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="entries beforehand")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-publish-") as scratch:
        folder = Path(scratch)
        keys = create_keys(folder / "keys", FQRN, at=AT)
        tree = folder / "tree"
        if options.tree is None:
            _copy_of_this_machine(tree)
        else:
            process.run(["cp", "-a", options.tree, tree], reason="copy the tree")
        rows = _publish_tree(tree, folder, keys)
        _print_tree(rows)
        flat = {size: _publish_into(folder, keys, size) for size in options.sizes}
        _print_flat(flat)
    first, tar = rows["publish"], rows["tar | gzip -6"]
    ratios = {f"publish.{key}": round(first[key] / tar[key], 3) for key in ("wall", "cpu", "bytes")}
    if len(flat) > 1:
        small, large = flat[min(flat)], flat[max(flat)]
        ratios |= {f"flat.{key}": round(large[key] / small[key], 3) for key in ("wall", "cpu")}
    shape = {"files": first["files"], "bytes": first["logical_bytes"]}
    figures = {**rows, **{f"one package into {size}": row for size, row in flat.items()}}
    print(answer("publish", figures=figures, ratios=ratios, tree=shape))


# -- a tree, for the first time and again


def _publish_tree(tree: Path, folder: Path, keys: RepositoryKeys) -> dict[str, dict[str, float]]:
    archive = folder / "tree.tar.gz"
    process.run(["tar", "-C", tree, "-cf", folder / "tree.tar", "."], reason="warm the cache")
    (folder / "tree.tar").unlink()
    with measured() as packing:
        process.run(
            ["tar", "-C", tree, "-I", "gzip -6", "-cf", archive, "."], reason="pack the tree"
        )
    packed = {"wall": packing.wall, "cpu": packing.cpu, "bytes": archive.stat().st_size}
    rows = {"tar | gzip -6": {**packed, "objects": 1.0, "files": 0.0, "logical_bytes": 0.0}}
    archive.unlink()
    repository = create_repository(folder / "repository", keys, at=AT)

    def publish(name: str) -> None:
        with measured() as cost, transaction(repository, keys, at=AT, message=name) as tx:
            tx.put_tree(tree, "tree", nest=True)
        rows[name] = _row(cost, tx.published)

    publish("publish")
    publish("again, nothing changed")
    _change_one_in_a_hundred(tree)
    publish("again, 1 % changed")
    shutil.rmtree(repository.folder)
    return rows


def _copy_of_this_machine(target: Path) -> None:
    """Copy files of /usr, always the same ones of the same machine."""
    files = large = small_bytes = large_bytes = 0
    for source, size in _regular_files():
        is_large = size > LARGE
        if is_large and (large_bytes + size > LARGE_BYTES or size > _LARGEST):
            continue
        if not is_large and (files >= FILES or small_bytes + size > BYTES - LARGE_BYTES):
            continue
        copy = target / source.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy)
        files += 1
        large += is_large
        large_bytes += size if is_large else 0
        small_bytes += 0 if is_large else size
    print(
        f"tree: {files} files, {readable_size(large_bytes + small_bytes)}; {large} above 4 MiB"
        f" hold {readable_size(large_bytes)}"
    )


def _regular_files() -> Iterator[tuple[Path, int]]:
    for root in _FROM:
        for folder, folders, names in os.walk(root):
            folders.sort()
            for name in sorted(names):
                path = Path(folder) / name
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and os.access(path, os.R_OK):
                    yield path, status.st_size


def _change_one_in_a_hundred(tree: Path) -> None:
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    for path in files[::100]:
        path.chmod(0o644)
        with path.open("ab") as stream:
            stream.write(b"changed\n")


# -- one package, into repositories of different sizes


def _publish_into(folder: Path, keys: RepositoryKeys, entries: int) -> dict[str, float]:
    """Return what one package costs, the median of five, where so many entries are."""
    repository = create_repository(folder / f"repository-{entries}", keys, at=AT)
    _fill(repository, keys, folder, entries)
    package = _package(folder / f"package-{entries}", 100)
    costs: list[Cost] = []
    for number in range(REPEATS):
        (package / "changed").write_text(f"{number}\n")
        at = AT + timedelta(hours=number + 1)
        with measured() as cost, transaction(repository, keys, at=at, message="one") as tx:
            tx.put_tree(package, f"images/new-{number}/1.0", nest=True)
        costs.append(cost)
    found = len(list((repository.folder / "data").glob("??/*C")))
    shutil.rmtree(repository.folder)
    median = REPEATS // 2
    return {
        "wall": sorted(cost.wall for cost in costs)[median],
        "cpu": sorted(cost.cpu for cost in costs)[median],
        "catalogs": found,
    }


def _fill(repository: Repository, keys: RepositoryKeys, folder: Path, entries: int) -> None:
    """Publish one package of a thousand files, and make copies of it by their catalogs alone."""
    package = _package(folder / f"thousand-{entries}", PACKAGE_ENTRIES)
    with transaction(repository, keys, at=AT, message="the first") as tx:
        tx.put_tree(package, "images/package-0/1.0", nest=True)
    here = current_snapshot(repository)
    with transaction(repository, keys, at=AT, message="copies") as tx:
        for number in range(1, entries // PACKAGE_ENTRIES):
            tx.graft(here, "images/package-0", f"images/package-{number}")


def _package(folder: Path, files: int) -> Path:
    for number in range(files):
        file = folder / f"lib/{number % 20}/file-{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{number}\n" * 50)
    return folder


# -- what is printed


def _row(cost: Cost, publication: Publication) -> dict[str, float]:
    return {
        "wall": cost.wall,
        "cpu": cost.cpu,
        "bytes": publication.new_bytes,
        "objects": publication.new_objects,
        "files": publication.files,
        "logical_bytes": publication.logical_bytes,
    }


def _print_tree(rows: dict[str, dict[str, float]]) -> None:
    logical = rows["publish"]["logical_bytes"]
    files = rows["publish"]["files"]
    print(
        f"{'':24}{'wall s':>9}{'cpu s':>9}{'MB/cpu s':>10}{'MB/s':>8}{'files/cpu s':>13}"
        f"{'bytes':>12}{'objects':>9}"
    )
    for name, row in rows.items():
        megabytes = logical / 1e6
        print(
            f"{name:24}{row['wall']:>9.2f}{row['cpu']:>9.2f}{megabytes / row['cpu']:>10.1f}"
            f"{megabytes / row['wall']:>8.1f}{files / row['cpu']:>13.0f}"
            f"{readable_size(int(row['bytes'])):>12}{int(row['objects']):>9}"
        )


def _print_flat(flat: dict[int, dict[str, float]]) -> None:
    print(f"\n{'one package into':24}{'wall s':>9}{'cpu s':>9}{'catalogs':>10}")
    for size, row in flat.items():
        print(f"{size:<24,}{row['wall']:>9.3f}{row['cpu']:>9.3f}{int(row['catalogs']):>10}")


if __name__ == "__main__":
    main()
