# SPDX-License-Identifier: BSD-3-Clause
"""Trees on their way out and back: put into a transaction, verified where they lie.

trees/<name>/<version>/
  root/                              what a program sees as its root
  <name>.mtree                       signed manifest: a line for each file, folder and link
  <name>.mtree.statement.json(.asc)  the statement about the manifest, and its signature
  content.json  content.table        under which content hashes the repository stores each file
  and the papers of the image, as beside an image
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from builder import sign, sign_tree
from builder.sign import VerificationReport
from builder.sign_tree import TreeReport, examine_tree, verify_tree
from builder.stages import SignedTree
from catalog.entry import ROOT, PublishedTree, manifest_path
from core.canonical import Json
from core.console import readable_size
from cvmfs.backends.backend import OpenTransaction
from pansoft.content_tables import put_table, signed_files
from pansoft.witness import witnessed
from trust.contents import content_table, cvmfs_attributes
from trust.contents.cvmfs_attributes import NotShown
from trust.evidence import Waiver
from trust.keys import SigningKey
from trust.policy import Signer, TrustPolicy
from trust.signing import statements
from trust.signing.statements import Statement
from trust.trees import tree_manifest
from trust.trees.tree_check import Part, Showing
from trust.trees.tree_manifest import Kind


@dataclass(frozen=True, slots=True)
class Verified:
    """How a tree was verified; `why_read` says why it was read, where that could have been spared."""

    tree: SignedTree
    found: TreeReport
    why_read: str | None


def verify(
    path: Path,
    *,
    policy: TrustPolicy,
    at: datetime,
    part: Part,
    full: bool = False,
    waivers: tuple[Waiver, ...] = (),
) -> Verified:
    """Return how a tree was verified: by content hashes on a mount of CVMFS, else by reading it.

    Args:
        path: the folder of the version.
        policy: whose signatures count.
        at: now.
        part: how much of the tree to look at.
        full: whether to read in any case.
        waivers: as for `builder.sign.verify`.

    Raises:
        Refused: it is not as it was signed, or not accepted.
    """
    ask = partial(
        verify_tree,
        path,
        policy=policy,
        at=at,
        part=part,
        witnessed=witnessed(path),
        waivers=waivers,
    )
    why = None
    if not full:
        try:
            tree, found = ask(content=showing)
        except NotShown as err:
            why = err.message
        else:
            return Verified(tree, found, None)
    tree, found = ask()
    return Verified(tree, found, why)


def text(verified: Verified) -> str:
    """Return a verification of a tree as people read it."""
    checked, tree = verified.found.checked, verified.tree
    where = "" if checked.path == tree_manifest.ROOT else f" of {checked.path}"
    lines = [
        sign.text(verified.found.report),
        f"tree       {checked.entries} entries{where}, {checked.files} files of "
        f"{readable_size(checked.bytes)}: {checked.way}",
    ]
    if verified.why_read is not None:
        lines.append(f"           because {verified.why_read}")
    lines.append(f"manifest   sha256 {tree.sha256}")
    return "\n".join(lines)


def as_json(verified: Verified) -> dict[str, Json]:
    """Return a verification of a tree as programs read it; sizes in bytes."""
    checked = verified.found.checked
    return {
        **sign.as_json(verified.found.report),
        "tree": {
            "path": checked.path,
            "entries": checked.entries,
            "files": checked.files,
            "bytes": checked.bytes,
            "way": checked.way,
            "why_read": verified.why_read,
        },
    }


def examine_to_publish(
    tree: SignedTree, *, policy: TrustPolicy, at: datetime, waivers: tuple[Waiver, ...]
) -> VerificationReport:
    """Return what every byte of a tree and the policy say of it, before it is published.

    Raises:
        Refused: it is not as it was signed.
    """
    found = examine_tree(tree.manifest.parent, policy=policy, at=at, waivers=waivers)[1]
    return found.report


def published_tree(tree: SignedTree) -> PublishedTree:
    """Return what the entry of a version says of its tree."""
    sizes = [each.size for each in tree_manifest.read(tree.manifest) if each.kind is Kind.FILE]
    return PublishedTree(
        path=manifest_path(tree.name, tree.version),
        sha256=tree.sha256,
        size=tree.manifest.stat().st_size,
        files=len(sizes),
        bytes=sum(sizes),
    )


def put(
    tx: OpenTransaction, tree: SignedTree, folder: str, *, repository: str, key: SigningKey
) -> None:
    """Put a signed tree and what lies beside it at a folder of the repository, its root nested by itself.

    Args:
        tx: the transaction.
        tree: from `builder.sign_tree`.
        folder: of the version: `trees/<name>/<version>`.
        repository: fully qualified name of the repository.
        key: who publishes.
    """
    tx.put_tree(tree.root, f"{folder}/{ROOT}", nest=True)
    beside = [file for file in sorted(tree.manifest.parent.iterdir()) if file.is_file()]
    for file in beside:
        tx.put_file(file, f"{folder}/{file.name}")
    put_table(
        tx,
        folder,
        heapq.merge(
            signed_files(beside),
            _files_of(tree),
            key=lambda named: tree_manifest.order(named[0]),
        ),
        subject=statements.statement_file(tree.manifest),
        repository=repository,
        key=key,
    )


def _files_of(tree: SignedTree) -> Iterator[tuple[str, str]]:
    """Yield path from the version's folder and sha256 of every file of a tree."""
    for entry in tree_manifest.read(tree.manifest):
        if entry.kind is Kind.FILE:
            yield f"{ROOT}/{entry.path}", entry.sha256


def showing(file: Path, statement: Statement, signer: Signer) -> Showing:
    """Return the way to know contents that reads nothing: what the CVMFS client shows of each file.

    Args:
        file: the manifest.
        statement: about it.
        signer: of the statement; the table is by the same key.

    Raises:
        NotShown: the tree is not on a mount of CVMFS, or there is no table.
    """
    del statement
    cvmfs_attributes.repository_at(file.parent)
    table = content_table.read(
        file.parent, subject=statements.statement_file(file), public_keys=[signer.key_file]
    )
    return Showing(table, ROOT)


def is_tree(path: Path) -> bool:
    """Return whether a folder holds a tree with its manifest."""
    return sign_tree.manifest_in(path) is not None
