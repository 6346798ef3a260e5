# SPDX-License-Identifier: BSD-3-Clause
"""Published versions that come into another channel: the policy is asked, and not a byte of them changes.

What was signed is read back from the repository and verified again. The judge hears what the recipe says of
the release now, and since when the version is where it is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from builder import sign
from builder.evidence.gather import gather
from builder.recipes.recipe import Recipe
from builder.sign import VerificationReport
from builder.stages import PlanId
from builder.state import State
from catalog.entry import CatalogEntry, PolicyVersion, write_entry
from catalog.spelling import time_text
from core.errors import Refused
from cvmfs.backends.backend import OpenTransaction
from cvmfs.reading.reader import Reader
from pansoft import decisions, published, target
from pansoft.consent import Consent
from pansoft.history import history_of
from trust.decisions.decision import Decision, Kind
from trust.evidence import Evidence, Purpose
from trust.judge import judge
from trust.keys import SigningKey
from trust.policy import Signer, TrustPolicy
from trust.signing.statements import Statement
from trust.verdict import Verdict

_TO = "to "  # and the channel: what the log says of a promotion

Wanted = tuple[Recipe, PlanId]
"""A recipe of git, and the plan that it has now."""


@dataclass(frozen=True, slots=True)
class Promoted:
    """The entries of versions that come into another channel, what was decided, what the policy refused."""

    entries: tuple[CatalogEntry, ...] = ()
    decided: tuple[Decision, ...] = ()
    refused: tuple[Verdict, ...] = ()

    def among(self, entries: Sequence[CatalogEntry]) -> tuple[CatalogEntry, ...]:
        """Return published entries with those that moved in their places."""
        moved = {(entry.name, entry.version): entry for entry in self.entries}
        return tuple(moved.get((entry.name, entry.version), entry) for entry in entries)


def promoted_after(
    state: State,
    entries: Sequence[CatalogEntry],
    wanted: Sequence[Wanted],
    *,
    retired: Container[tuple[str, str]],
    policy: TrustPolicy,
    consent: Consent,
    key: SigningKey,
    at: datetime,
) -> Promoted:
    """Return which published versions come into the channel that git says, as far as the policy lets them.

    Args:
        state: whose repository it is.
        entries: what is published in it.
        wanted: what git says; a recipe of another plan than the published one moves nothing.
        retired: names and versions that are out of use: they are in no channel.
        policy: asked as for a publication into that channel.
        consent: what people say to it.
        key: whose decision it is, where no pipeline is known.
        at: now.

    Raises:
        Refused: what the repository holds is not as it was signed.
    """
    there = {(entry.name, entry.version): entry for entry in entries}
    moving = [
        (recipe, entry)
        for recipe, plan in wanted
        if (entry := there.get((recipe.name, recipe.version))) is not None
        and entry.plan == plan
        and entry.channel is not recipe.release.channel
        and (entry.name, entry.version) not in retired
    ]
    if not moving:
        return Promoted()
    moved: list[CatalogEntry] = []
    decided: list[Decision] = []
    refused: list[Verdict] = []
    with target.read(state, at=at) as reader:
        for recipe, entry in moving:
            report = _examined(reader, entry, policy=policy, consent=consent, at=at)
            evidence = _evidence(recipe, entry, report, entries, retired=retired, consent=consent)
            verdict = judge(policy, evidence, at=at)
            note = f"{_TO}{recipe.release.channel}"
            decided += decisions.of_publishing(
                state, verdict, evidence, key, kind=Kind.PROMOTE, note=note
            )
            if verdict.accepted:
                moved.append(_entry(recipe, entry, verdict, at=at))
            else:
                refused.append(verdict)
    return Promoted(tuple(moved), tuple(decided), tuple(refused))


def channel_in(decision: Decision) -> str | None:
    """Return the channel into which a version came by a decision; None where it does not say."""
    return decision.note.removeprefix(_TO) if decision.note.startswith(_TO) else None


def put_promoted(tx: OpenTransaction, promoted: Promoted) -> None:
    """Put the entries of versions that moved, beside each form of them."""
    for entry in promoted.entries:
        folders = [entry.folder]
        if entry.tree is not None and entry.has_image:
            folders.append(f"{published.TREES}/{entry.name}/{entry.version}")
        seconds = int(datetime.fromisoformat(entry.since).timestamp())
        for folder in folders:
            tx.put_bytes(write_entry(entry), f"{folder}/entry.json", mtime=seconds)


def _examined(
    reader: Reader, entry: CatalogEntry, *, policy: TrustPolicy, consent: Consent, at: datetime
) -> VerificationReport:
    """Verify what was signed about a published version, read back from the repository.

    The signed file itself is not read: the repository vouches for it by its hash, and the statement
    has to speak of the bytes that its entry does.
    """

    def look(file: Path, statement: Statement, signer: Signer) -> tuple[str, ...]:  # noqa: ARG001
        if statement.sha256 != entry.image.sha256:
            raise Refused(
                f"what is published of {entry.name} {entry.version} is not what its statement speaks of"
            )
        return ()

    with tempfile.TemporaryDirectory(prefix="pansoft-promote-") as scratch:
        folder = Path(scratch) / entry.name / entry.version
        folder.mkdir(parents=True)
        file = folder / entry.image.path.rpartition("/")[2]
        for each in reader.listdir(entry.folder):
            if not each.is_directory and each.name != file.name:
                (folder / each.name).write_bytes(reader.read_entry(each))
        return sign.examined(
            file, policy=policy, at=at, look=look, all_there=True, waivers=consent.waivers
        )


def _evidence(
    recipe: Recipe,
    entry: CatalogEntry,
    report: VerificationReport,
    entries: Sequence[CatalogEntry],
    *,
    retired: Container[tuple[str, str]],
    consent: Consent,
) -> Evidence:
    evidence = sign.evidence_to_publish(
        report,
        repository=entry.fqrn,
        expected_plan=entry.plan,
        published_sha256=entry.image.sha256,
        history=history_of(entries, entry.name, retired=retired),
    )
    said = gather(recipe, purpose=Purpose.PUBLISH)
    return consent.about(replace(evidence, release=said.release))


def _entry(recipe: Recipe, entry: CatalogEntry, verdict: Verdict, *, at: datetime) -> CatalogEntry:
    """Return an entry in its new channel, with what the recipe says of the release now."""
    return replace(
        entry,
        channel=recipe.release.channel,
        promoted=time_text(at),
        supported_until=recipe.release.supported_until,
        replaced_by=recipe.release.replaced_by,
        policy=PolicyVersion(str(verdict.policy_version), verdict.policy_sha256),
        verdict=published.verdict_of(verdict),
    )
