# SPDX-License-Identifier: BSD-3-Clause
"""The only maker of `SignedTree`: `sign_tree` makes one of a signed image, `verify_tree` checks one.

A signed tree is a folder that appears whole or not at all:

    root/  NAME.mtree  NAME.mtree.statement.json  NAME.mtree.statement.json.asc  verdict.json
    sbom.spdx.json  sbom.cdx.json  provenance.json

Nothing is decided here a second time: the tree is made of the image that was judged and signed, and its
statement has the evidence and the verdict of that. What it adds is the manifest, which is what it speaks of.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from builder import sign
from builder.evidence.provenance import FILE_NAME as PROVENANCE_FILE
from builder.evidence.sbom import CYCLONEDX_FILE, SPDX_FILE
from builder.images import sandbox
from builder.images.build_user import BuildUser
from builder.images.tree import tree_of
from builder.sign import VERDICT_FILE, VerificationReport
from builder.stages import Fingerprint, PlanId, SignedImage, SignedTree
from core.errors import Refused, UserError
from core.files import atomic_folder, copy_atomic, exclusive_lock
from trust.evidence import Waiver
from trust.keys import SigningKey
from trust.policy import Signer, TrustPolicy
from trust.signing import statements
from trust.signing.statements import Statement
from trust.trees import tree_manifest
from trust.trees.tree_check import WHOLE, Content, Part, Reading, TreeChecked, check_tree
from trust.trees.tree_manifest import SUFFIX

ROOT = "root"
_BESIDE = (VERDICT_FILE, SPDX_FILE, CYCLONEDX_FILE, PROVENANCE_FILE)


@dataclass(frozen=True, slots=True)
class TreeReport:
    """How a tree was verified: its manifest as any signed file, and what of the tree was looked at."""

    report: VerificationReport
    checked: TreeChecked


def sign_tree(
    image: SignedImage,
    *,
    policy: TrustPolicy,
    key: SigningKey,
    folder: Path,
    user: BuildUser,
    scratch: Path,
    at: datetime,
) -> SignedTree:
    """Make the tree of a signed image, sign its manifest, and return it.

    A tree that is signed already, and still accepted, is left alone.

    Args:
        image: it is verified again before anything is made of it.
        policy: the policy.
        key: of whoever signed the image.
        folder: the folder to make, one per image: `<state>/trees/<plan>`.
        user: who unpacks the image.
        scratch: below this folder it is unpacked.
        at: now.

    Raises:
        Refused: the image is not as it was signed or no longer accepted; something in it cannot be in a tree.
    """
    lock = folder.with_name(f"{folder.name}.lock")  # not a name that leftovers have
    with exclusive_lock(lock, purpose=f"sign the tree of {image.image.name}", wait=True):
        sandbox.remove_leftovers(folder, user)
        _, report = sign.verify(image.path, policy=policy, at=at)
        done = _signed_before(folder, report.statement, policy=policy, key=key, at=at)
        if done is not None:
            return done
        with (
            tree_of(image.path, user=user, scratch=scratch) as root,
            atomic_folder(folder) as new,
        ):
            shutil.move(root, new / ROOT)
            _put_manifest(new, report.statement, key)
            for name in _BESIDE:
                paper = image.path.with_name(name)
                if paper.is_file():
                    copy_atomic(paper, new / name)
    return verify_tree(folder, policy=policy, at=at)[0]


def verify_tree(
    path: Path,
    *,
    policy: TrustPolicy,
    at: datetime,
    content: Callable[[Path, Statement, Signer], Content] = lambda *_: Reading(),
    part: Part = WHOLE,
    witnessed: datetime | None = None,
    waivers: tuple[Waiver, ...] = (),
) -> tuple[SignedTree, TreeReport]:
    """Return a signed tree and how it was verified. Nothing is written, nothing is looked up.

    The signature of the statement, the manifest, the tree against it, and last the policy as it is
    today, on the evidence that was signed.

    Args:
        path: the folder that holds the tree and its manifest, or the manifest.
        policy: whose signatures count.
        at: now.
        content: gives the way to know what is in a file, for the manifest, its statement and its signer.
        part: how much of the tree to look at.
        witnessed: when a repository first published it.
        waivers: as for `builder.sign.verify`.

    Raises:
        Refused: anything is not as it was signed, or not accepted; it says what.
    """
    tree, found = examine_tree(
        path,
        policy=policy,
        at=at,
        content=content,
        part=part,
        witnessed=witnessed,
        waivers=waivers,
    )
    sign.check_accepted(found.report, path)
    return tree, found


def examine_tree(
    path: Path,
    *,
    policy: TrustPolicy,
    at: datetime,
    content: Callable[[Path, Statement, Signer], Content] = lambda *_: Reading(),
    part: Part = WHOLE,
    witnessed: datetime | None = None,
    waivers: tuple[Waiver, ...] = (),
    repository: str | None = None,
) -> tuple[SignedTree, TreeReport]:
    """Return what `verify_tree` does, whether the policy accepts it or not; the report has its verdict.

    Args:
        path: as for `verify_tree`; so are the others.
        policy: whose signatures count.
        at: now.
        content: the way to know what is in a file.
        part: how much of the tree to look at.
        witnessed: when a repository first published it.
        waivers: as for `builder.sign.verify`; so is `repository`.
        repository: the one that it was read from, where that is known.

    Raises:
        Refused: anything is not as it was signed; it says what.
    """
    manifest = manifest_in(path)
    path = path if path.is_dir() else path.parent
    if manifest is None:
        raise UserError(
            f"{path} holds no tree with its manifest (NAME{SUFFIX})",
            hint="name the folder of a published version",
        )
    looked: list[TreeChecked] = []

    def look(file: Path, statement: Statement, signer: Signer) -> tuple[str, ...]:
        statements.check_bytes(file, statement)
        way = content(file, statement, signer)
        looked.append(check_tree(path / ROOT, file, content=way, part=part))
        return ()

    if not (path / ROOT).is_dir() or (path / ROOT).is_symlink():
        raise Refused(f"{path / ROOT} is missing, or is no folder")
    report = sign.examined(
        manifest,
        policy=policy,
        at=at,
        look=look,
        all_there=True,
        witnessed=witnessed,
        waivers=waivers,
        repository=repository,
    )
    _check_place(path.absolute(), report.statement)
    return _signed_tree(path, manifest, report), TreeReport(report, looked[0])


def manifest_in(path: Path) -> Path | None:
    """Return the manifest of the tree in a folder, or None where it holds none, or several.

    A manifest is its own.
    """
    if path.is_file() and path.name.endswith(SUFFIX):
        return path
    found = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else []
    return found[0] if len(found) == 1 else None


def _check_place(folder: Path, statement: Statement) -> None:
    """Refuse a good tree in the place of another one: a tree is run by its place, not by its name."""
    image = statement.image
    is_place = folder.parent.parent.name == "trees" and folder.name != image.plan
    if is_place and (folder.parent.name, folder.name) != (image.name, image.version):
        raise Refused(
            f"{folder} holds {image.name} {image.version}: it was swapped",
            hint="that tree is good, in its own place",
        )


def _put_manifest(new: Path, of_image: Statement, key: SigningKey) -> None:
    manifest = new / f"{of_image.image.name}{SUFFIX}"
    tree_manifest.write(manifest, tree_manifest.scan(new / ROOT))
    statements.write(
        manifest,
        key=key,
        image=of_image.image,
        evidence=of_image.evidence,
        verdict=of_image.verdict,
    )


def _signed_before(
    folder: Path, of_image: Statement, *, policy: TrustPolicy, key: SigningKey, at: datetime
) -> SignedTree | None:
    """Return the tree that was signed before, if it is of this very image, verdict and key."""
    if not folder.is_dir():
        return None
    with contextlib.suppress(UserError):  # altered or no longer accepted: make it anew
        tree, found = verify_tree(folder, policy=policy, at=at)
        said = found.report.statement
        same = (said.image, said.evidence, said.verdict)
        if same == (of_image.image, of_image.evidence, of_image.verdict):
            return tree if tree.signer == key.fingerprint else None
    return None


def _signed_tree(path: Path, manifest: Path, report: VerificationReport) -> SignedTree:
    image, signer = report.statement.image, report.signer
    return SignedTree(
        name=image.name,
        version=image.version,
        plan=PlanId(image.plan),
        root=path / ROOT,
        manifest=manifest,
        sha256=report.statement.sha256,
        signer=Fingerprint(signer.fingerprint),
        signer_name=signer.name,
    )
