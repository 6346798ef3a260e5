# SPDX-License-Identifier: BSD-3-Clause
"""How fast a tree is published, beside `tar | gzip -6` of the same tree in the same run.

    make bench NAME=publish

Also measured: publishing again with nothing changed, and with one small file changed in a nested catalog.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.measuring import Cost, answer, measured
from core import process
from core.console import readable_size
from cvmfs.keys import create_keys
from cvmfs.publish import Publication, Transaction, transaction
from cvmfs.repository import create_repository

AT = datetime(2026, 1, 1, tzinfo=UTC)
FQRN = "bench.example.org"
_MANY = 1000


def main() -> None:
    """Measure, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=None)
    tree = parser.parse_args().tree or _default_tree()
    with tempfile.TemporaryDirectory(prefix="bench-publish-") as folder:
        rows = _measure(tree, Path(folder))
    tar = rows["tar | gzip -6"]
    print(f"{'':24}{'wall s':>9}{'cpu s':>9}{'bytes':>12}{'objects':>9}")
    for name, row in rows.items():
        size = readable_size(int(row["bytes"]))
        print(f"{name:24}{row['wall']:>9.2f}{row['cpu']:>9.2f}{size:>12}{int(row['objects']):>9}")
    first = rows["publish"]
    ratios = {f"publish.{key}": round(first[key] / tar[key], 3) for key in ("wall", "cpu", "bytes")}
    shape = {"files": first["files"], "bytes": first["logical_bytes"]}
    print(answer("publish", figures=rows, ratios=ratios, tree=shape))


def _measure(tree: Path, folder: Path) -> dict[str, dict[str, float]]:
    copy = folder / "tree"
    process.run(["cp", "-a", "--no-preserve=ownership", tree, copy], reason="copy the tree")
    archive = folder / "tree.tar.gz"
    process.run(["tar", "-C", copy, "-cf", "/dev/null", "."], reason="warm the cache")
    with measured() as packing:
        process.run(
            ["tar", "-C", copy, "-I", "gzip -6", "-cf", archive, "."], reason="pack the tree"
        )
    rows = {
        "tar | gzip -6": {
            "wall": packing.wall, "cpu": packing.cpu, "bytes": archive.stat().st_size, "objects": 1,
        }
    }  # fmt: skip
    keys = create_keys(folder / "keys", FQRN, at=AT)
    repository = create_repository(folder / "repository", keys, at=AT)

    def publish(name: str) -> None:
        with measured() as cost, transaction(repository, keys, at=AT, message=name) as tx:
            tx.put_tree(copy, "tree", nest=True)
        rows[name] = _row(cost, tx.published)

    def change_one(tx: Transaction) -> None:
        tx.put_bytes(b"changed\n", "tree/changed")

    publish("publish")
    publish("again, nothing changed")
    with measured() as cost, transaction(repository, keys, at=AT, message="one file") as tx:
        change_one(tx)
    rows["one file changed"] = _row(cost, tx.published)
    return rows


def _default_tree() -> Path:
    """Return a folder with many files: the documentation, or Python's library where that was left out."""
    documentation = Path("/usr/share/doc")
    files = sum(1 for path in documentation.rglob("*") if path.is_file())
    return documentation if files > _MANY else Path(os.__file__).parent


def _row(cost: Cost, publication: Publication) -> dict[str, float]:
    return {
        "wall": cost.wall,
        "cpu": cost.cpu,
        "bytes": publication.new_bytes,
        "objects": publication.new_objects,
        "files": publication.files,
        "logical_bytes": publication.logical_bytes,
    }


if __name__ == "__main__":
    main()
