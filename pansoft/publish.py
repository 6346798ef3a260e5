# SPDX-License-Identifier: BSD-3-Clause
"""Publish signed images in one transaction: images, commands, menus, catalogue and trust together.

What is published never changes: a version that is there with other bytes is refused by the policy,
and one that is there with the same bytes is left alone.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from builder import sign
from builder.images.sif import partition_offsets
from builder.recipes.recipe import Channel, Delivery, Recipe
from builder.stages import PlanId, SignedImage, SignedTree, TestReport
from builder.state import State
from catalog import render
from catalog.entry import (
    CatalogEntry,
    PolicyVersion,
    entry_of,
    write_entry,
)
from catalog.held import HeldPackage
from catalog.profiles import Conflict, profiles_for
from catalog.retired import RetiredPackage
from cvmfs.backends.backend import OpenTransaction, Published
from cvmfs.format.hashes import ContentHash
from pansoft import consent as consents
from pansoft import decisions, federation, late_signatures, published, target, trees
from pansoft.consent import NOBODY, Consent
from pansoft.content_tables import put_table, signed_files
from pansoft.history import history_of
from pansoft.holding import put_held
from pansoft.promoting import Promoted, Wanted, promoted_after, put_promoted
from pansoft.retiring import Retired, Retiring, put_retired, retired_after
from trust.evidence import Evidence
from trust.judge import judge
from trust.keys import SigningKey, local_policy
from trust.policy import TrustPolicy
from trust.signing.statements import statement_file
from trust.verdict import Verdict
from trust.vulnerabilities import advisories

CHUNK_SIZE = 256 << 10
"""Bytes of a chunk of an image, which is cut at its file systems first, so that bases are shared.

What a program touches of an image is scattered in parts of about 100 kB: docs/decisions/0020.
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A package ready to be published: its recipe, the plan that git gives it now, its signed
    image, how its tests went, and its signed tree where the recipe asks for one.
    """

    recipe: Recipe
    plan: PlanId
    signed: SignedImage
    report: TestReport
    tree: SignedTree | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a publication did. `entries` is all that is published now, `fresh` what is new of it;
    `refused` are the packages that the policy kept out, with its verdict; `notes` is what there is to
    say of the federation. `promoted` came into another channel, `retired` went out of use; `stayed` are
    names and versions of those refused that stay in the channel in which they are.
    """

    publication: Published
    entries: tuple[CatalogEntry, ...]
    fresh: tuple[CatalogEntry, ...]
    refused: tuple[Verdict, ...]
    conflicts: tuple[Conflict, ...]
    notes: tuple[str, ...] = ()
    promoted: tuple[CatalogEntry, ...] = ()
    retired: tuple[RetiredPackage, ...] = ()
    stayed: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Total:
    """What several transactions published, as one: the last revision, and all that came with them."""

    fqrn: str
    revision: int
    root_hash: ContentHash
    is_new: bool
    new_objects: int | None
    new_bytes: int | None
    files: int
    logical_bytes: int


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """Return what several publications did, one after another, as one; there is at least one."""
    if len(outcomes) == 1:
        return outcomes[0]
    last, all_of_them = outcomes[-1], [outcome.publication for outcome in outcomes]
    return replace(
        last,
        publication=Total(
            fqrn=last.publication.fqrn,
            revision=last.publication.revision,
            root_hash=last.publication.root_hash,
            is_new=any(item.is_new for item in all_of_them),
            new_objects=_sum([item.new_objects for item in all_of_them]),
            new_bytes=_sum([item.new_bytes for item in all_of_them]),
            files=sum(item.files for item in all_of_them),
            logical_bytes=sum(item.logical_bytes for item in all_of_them),
        ),
        fresh=tuple(entry for outcome in outcomes for entry in outcome.fresh),
        refused=tuple(verdict for outcome in outcomes for verdict in outcome.refused),
        notes=tuple(dict.fromkeys(note for outcome in outcomes for note in outcome.notes)),
        promoted=tuple(entry for outcome in outcomes for entry in outcome.promoted),
        retired=tuple(item for outcome in outcomes for item in outcome.retired),
    )


def _sum(amounts: Sequence[int | None]) -> int | None:
    """Return the sum of what is known; None where nobody told."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def publish(
    candidates: Sequence[Candidate],
    state: State,
    *,
    policy: TrustPolicy,
    policy_folder: Path,
    key: SigningKey,
    at: datetime,
    consent: Consent = NOBODY,
    held: tuple[HeldPackage, ...] | None = None,
    retiring: Retiring | None = None,
    promoting: Sequence[Wanted] = (),
    lost: frozenset[tuple[str, str]] = frozenset(),
) -> Outcome:
    """Publish packages into the repository, in one revision.

    A package that the policy refuses does not hold the others back. `key` signs under which content
    hashes the repository stores what is new; `consent` is what people and pipelines say to it;
    `held` are packages that are told of and not distributed, None those that were told of before;
    `retiring` says which versions are to be out of use, None leaves that as it is; `promoting` are the
    recipes of git, whose versions come into the channels that those say; `lost` are names and versions of
    which something published is missing: their candidates take their places.
    """
    backend = target.backend_of(state, at=at)
    before = published.entries_in(state, at=at)
    mended = lost & {(each.recipe.name, each.recipe.version) for each in candidates}
    whole = [entry for entry in before if (entry.name, entry.version) not in mended]
    retired = retired_after(
        state,
        before,
        retiring,
        policy=policy,
        consent=consent,
        key=key,
        repository=backend.fqrn,
        at=at,
    )
    promoted = promoted_after(
        state,
        whole,
        promoting,
        retired=retired.keys,
        policy=policy,
        consent=consent,
        key=key,
        at=at,
    )
    accepted: list[tuple[Candidate, CatalogEntry]] = []
    refused = [*retired.refused, *promoted.refused]
    decided = [*retired.decided, *promoted.decided]
    known = {(entry.name, entry.version) for entry in whole}
    for candidate in candidates:
        signed, evidence, verdict = _judged(
            candidate,
            whole,
            retired=retired.keys,
            policy=policy,
            fqrn=backend.fqrn,
            consent=consent,
            at=at,
        )
        if verdict.accepted:
            accepted.append(
                (candidate, _entry(candidate, signed, verdict, fqrn=backend.fqrn, at=at))
            )
        else:
            refused.append(verdict)
        if not verdict.accepted or (verdict.name, verdict.version) not in known:
            decided += decisions.of_publishing(state, verdict, evidence, key)
    fresh = [(c, e) for c, e in accepted if (e.name, e.version) not in known]
    mended &= {(entry.name, entry.version) for _, entry in fresh}
    there = [entry for entry in before if (entry.name, entry.version) not in mended]
    entries = published.in_order((*promoted.among(there), *(entry for _, entry in fresh)))
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()
    with backend.transaction(
        at=at,
        message=_message(fresh, promoted),
        cut_marks=_cut_marks,
        chunk_size=CHUNK_SIZE,
    ) as tx:
        logged = decisions.put(tx, backend, state, decided, policy=policy, key=key, at=at)
        for candidate, entry in fresh:
            if (entry.name, entry.version) in mended:
                _clear(tx, entry)
            _put_package(tx, candidate, entry, state, key)
        late_signatures.put(tx, there, state)
        put_promoted(tx, promoted)
        if entries:
            told = put_held(tx, state, held, at=at)
            put_retired(tx, state, retired, at=at)
            conflicts = _put_channels(tx, entries, told, retired, fqrn=backend.fqrn)
            shared = _put_trust(tx, policy_folder, state)
            notes = federation.put(
                tx,
                state,
                policy_folder,
                fqrn=backend.fqrn,
                entries=entries,
                fresh=_fresh_files(fresh),
                shared=shared,
                at=at,
            )
    decisions.settle(state, logged)
    return Outcome(
        tx.published,
        entries,
        tuple(entry for _, entry in fresh),
        tuple(refused),
        conflicts,
        notes,
        promoted.entries,
        retired.fresh,
        frozenset((verdict.name, verdict.version) for verdict in promoted.refused),
    )


def _judged(
    candidate: Candidate,
    before: Sequence[CatalogEntry],
    *,
    retired: Container[tuple[str, str]],
    policy: TrustPolicy,
    fqrn: str,
    consent: Consent,
    at: datetime,
) -> tuple[SignedImage, Evidence, Verdict]:
    """Verify a signed image again and return it with the policy's word on publishing it, and on what."""
    signed, report = sign.examine(
        candidate.signed.path, policy=policy, at=at, waivers=consent.waivers
    )
    if candidate.tree is not None:
        of_tree = trees.examine_to_publish(
            candidate.tree, policy=policy, at=at, waivers=consent.waivers
        )
        if candidate.recipe.delivery is Delivery.TREE:
            report = of_tree
    there = [e for e in before if (e.name, e.version) == (signed.image.name, signed.image.version)]
    evidence = sign.evidence_to_publish(
        report,
        repository=fqrn,
        expected_plan=candidate.plan,
        published_sha256=there[0].image.sha256 if there else None,
        history=history_of(before, signed.image.name, retired=retired),
    )
    evidence = consent.about(evidence)
    return signed, evidence, judge(policy, evidence, at=at)


def _entry(
    candidate: Candidate, signed: SignedImage, verdict: Verdict, *, fqrn: str, at: datetime
) -> CatalogEntry:
    return entry_of(
        candidate.recipe,
        signed,
        candidate.report,
        policy=PolicyVersion(str(verdict.policy_version), verdict.policy_sha256),
        verdict=published.verdict_of(verdict),
        published=at,
        fqrn=fqrn,
        tree=trees.published_tree(candidate.tree) if candidate.tree else None,
    )


def _put_package(
    tx: OpenTransaction,
    candidate: Candidate,
    entry: CatalogEntry,
    state: State,
    key: SigningKey,
) -> None:
    """Put the forms of a package, each with what was signed about it, its tests and its entry."""
    if entry.has_image:
        _put_image(tx, candidate, entry, key)
        _put_papers(tx, candidate, entry, state, entry.folder)
        tx.nest(f"{published.IMAGES}/{entry.name}")
    if candidate.tree is not None:
        folder = f"{published.TREES}/{entry.name}/{entry.version}"
        trees.put(tx, candidate.tree, folder, repository=entry.fqrn, key=key)
        _put_papers(tx, candidate, entry, state, folder)
        tx.nest(f"{published.TREES}/{entry.name}")


def _clear(tx: OpenTransaction, entry: CatalogEntry) -> None:
    """Remove what is left of a version that is not whole: it is stored anew, object by object."""
    for form in (published.IMAGES, published.TREES):
        tx.remove(f"{form}/{entry.name}/{entry.version}")


def _put_image(
    tx: OpenTransaction, candidate: Candidate, entry: CatalogEntry, key: SigningKey
) -> None:
    """Put the image, what was signed about it, and under which hashes it is stored."""
    image = candidate.signed.path
    signed = sorted(image.parent.iterdir())
    for file in signed:
        tx.put_file(file, f"{entry.folder}/{file.name}")
    put_table(
        tx,
        entry.folder,
        signed_files(signed),
        subject=statement_file(image),
        repository=entry.fqrn,
        key=key,
    )


def _put_papers(
    tx: OpenTransaction, candidate: Candidate, entry: CatalogEntry, state: State, folder: str
) -> None:
    """Put the plan, the tests and the entry into the folder of a form."""
    for name in ("plan.json", "tests.json", "junit.xml", *candidate.report.evidence):
        tx.put_file(state.image(entry.plan) / name, f"{folder}/{name}")
    tx.put_bytes(write_entry(entry), f"{folder}/entry.json", mtime=_seconds(entry.published))


def _put_channels(
    tx: OpenTransaction,
    entries: Sequence[CatalogEntry],
    held: Sequence[HeldPackage],
    retired: Retired,
    *,
    fqrn: str,
) -> tuple[Conflict, ...]:
    """Put what makes each channel usable: commands, menus, kernels and the catalogue.

    A retired version has its page and its image, and nothing that leads users to it.
    All of it follows from what is told of alone, its times included: nothing new published is nothing
    changed here.
    """
    conflicts: list[Conflict] = []
    newest = max(_seconds(entry.since) for entry in entries)
    offered = [entry for entry in entries if (entry.name, entry.version) not in retired.keys]
    for channel in Channel:
        visible = [entry for entry in entries if entry.channel is channel]
        if not visible:
            tx.remove(str(channel))
            continue
        profiles = profiles_for(offered, channel, fqrn=fqrn)
        conflicts += profiles.conflicts
        with tempfile.TemporaryDirectory(prefix="pansoft-channel-") as scratch:
            folder = Path(scratch) / str(channel)
            for path, (content, mode) in profiles.files.items():
                file = Path(scratch) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                file.chmod(mode)
            render.render(
                visible, folder / "catalog", fqrn=fqrn, held=held, retired=retired.packages
            )
            _date(folder, newest)
            tx.put_tree(folder, str(channel), nest=True)
    return tuple(conflicts)


def _put_trust(tx: OpenTransaction, policy_folder: Path, state: State) -> dict[str, bytes]:
    """Put what a partner needs to verify what is here, the policy and the public keys; return it.

    By their content, not their times: every checkout gives files a time of its own.
    """
    files = {"trust/policy.yaml": (policy_folder / "policy.yaml").read_bytes()}
    for folder in (policy_folder / "keys", local_policy(state.folder) / "keys"):
        for key in sorted(folder.glob("*.asc")):
            files[f"trust/keys/{key.name}"] = key.read_bytes()
    public_key = target.public_key(state)
    files[f"trust/{public_key.name}"] = public_key.read_bytes()
    for path, content in files.items():
        tx.put_bytes(content, path)
    _put_advisories(tx, policy_folder / advisories.FOLDER)
    return files | consents.put(tx, policy_folder)


def _fresh_files(fresh: Sequence[tuple[Candidate, CatalogEntry]]) -> dict[str, Path]:
    """Return the signed files that this transaction brings, by their path in the repository."""
    found: dict[str, Path] = {}
    for candidate, entry in fresh:
        if entry.has_image:
            folder = candidate.signed.path.parent
            found |= {f"{entry.folder}/{file.name}": file for file in folder.iterdir()}
        if candidate.tree is not None and entry.tree is not None:
            folder, there = candidate.tree.manifest.parent, entry.tree.path.rpartition("/")[0]
            found |= {f"{there}/{file.name}": file for file in folder.iterdir() if file.is_file()}
    return found


def _put_advisories(tx: OpenTransaction, folder: Path) -> None:
    """Put the advisories that the policy has now, and no older ones: its sha256 covers them."""
    with tempfile.TemporaryDirectory(prefix="pansoft-advisories-") as scratch:
        copy = Path(scratch) / advisories.FOLDER
        copy.mkdir(mode=0o755)
        for record in sorted(folder.glob("*.json")):
            (copy / record.name).write_bytes(record.read_bytes())
            (copy / record.name).chmod(0o644)
        _date(copy, 0)
        tx.put_tree(copy, f"trust/{advisories.FOLDER}")


def _message(fresh: Sequence[tuple[Candidate, CatalogEntry]], promoted: Promoted) -> str:
    """Return what the log of the repository says of a publication."""
    moved = [f"{entry.name} {entry.version} to {entry.channel}" for entry in promoted.entries]
    if moved and not fresh:
        return message_of(moved).replace("publish", "promote", 1)
    return message_of([*(f"{entry.name} {entry.version}" for _, entry in fresh), *moved])


def message_of(names: Sequence[str]) -> str:
    """Return what the log of the repository says of publishing these packages, each `name version`."""
    if not names:
        return "publish: commands, menus and catalogue"
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"publish {shown}"


def _cut_marks(file: Path) -> Sequence[int]:
    """Return where a file is cut when it is stored: at the file systems of an image."""
    return partition_offsets(file) if file.suffix == ".sif" else ()


def _seconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp())


def _date(folder: Path, seconds: int) -> None:
    """Give everything in a folder one time, so that the same content is the same revision."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (seconds, seconds), follow_symlinks=False)
