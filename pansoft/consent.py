# SPDX-License-Identifier: BSD-3-Clause
"""What people and pipelines say to a publication, verified: who publishes, who approved, who waived.

Their words are files of the policy folder, reviewed like the rest of it. A file that is wrong counts for
nothing, which can only make the judge say no; it is told of here and by `pansoft check`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from builder.recipes.recipe import Recipe
from core.console import Console
from core.files import copy_atomic
from core.problems import Problem, in_order
from cvmfs.backends.backend import OpenTransaction
from trust.consent import approvals, documents, waivers
from trust.evidence import Approval, Evidence, IdentityFacts, Waiver
from trust.policy import TrustPolicy
from trust.policy.issuers import FOLDER as ISSUERS


@dataclass(frozen=True, slots=True)
class Consent:
    """What was said, of all packages; `about` takes what is about one. `problems` counted for nothing."""

    publisher: IdentityFacts | None = None
    approvals: tuple[Approval, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    problems: tuple[Problem, ...] = ()

    def about(self, evidence: Evidence) -> Evidence:
        """Return evidence with what was said of its package; nothing said is an empty answer."""
        subject = f"{evidence.name} {evidence.version}"
        return replace(
            evidence,
            publisher=self.publisher,
            approvals=tuple(each for each in self.approvals if each.subject == subject),
            waivers=tuple(each for each in self.waivers if each.package == evidence.name),
        )


NOBODY = Consent()
"""Nobody said anything."""


def consent_in(
    folder: Path,
    policy: TrustPolicy,
    *,
    at: datetime,
    recipes: Sequence[Recipe] = (),
    publisher: IdentityFacts | None = None,
) -> Consent:
    """Return what the files of a policy folder say at a moment.

    Args:
        folder: the folder of the policy.
        policy: the policy, which says who may say what.
        at: the moment.
        recipes: those at hand, which say who looks after each package.
        publisher: who is about to publish.
    """
    authors = _authors(recipes)
    approved = approvals.load(folder, policy, at=at, authors=authors)
    waived = waivers.load(folder, policy, at=at, authors=authors)
    return Consent(
        publisher=publisher,
        approvals=approved.approvals,
        waivers=waived.waivers,
        problems=in_order((*approved.problems, *waived.problems)),
    )


def tell(consent: Consent, console: Console) -> None:
    """Say which files count for nothing, and why."""
    for problem in consent.problems:
        console.say(f"counts for nothing: {problem}")


def put(tx: OpenTransaction, folder: Path) -> dict[str, bytes]:
    """Put what people said, and the keys of issuers that verify it, where a partner can replay it.

    Return those keys by their path: the federation lists them, while approvals and waivers carry
    signatures of their own. By their content, not their times: every checkout gives files a time of its
    own. A file that is gone from the policy goes from the repository as well.
    """
    for name in (approvals.FOLDER, waivers.FOLDER, ISSUERS):
        files = documents.files_in(folder / name)
        if files:
            with tempfile.TemporaryDirectory(prefix="pansoft-consent-") as scratch:
                tx.put_tree(_undated(files, Path(scratch) / name), f"trust/{name}")
        elif tx.exists(f"trust/{name}"):
            tx.remove(f"trust/{name}")
    keys = documents.files_in(folder / ISSUERS)
    return {f"trust/{ISSUERS}/{file.name}": file.read_bytes() for file in keys}


def _undated(files: Sequence[Path], folder: Path) -> Path:
    """Return a folder of copies without a time or a mode of their own."""
    folder.mkdir()
    for file in files:
        copy_atomic(file, folder / file.name)
        os.utime(folder / file.name, (0, 0))
    os.utime(folder, (0, 0))
    return folder


def _authors(recipes: Sequence[Recipe]) -> Mapping[str, tuple[str, ...]]:
    authors: dict[str, dict[str, None]] = {}  # several versions of a package may be at hand
    for recipe in recipes:
        authors.setdefault(recipe.name, {}).update((each.name, None) for each in recipe.maintainers)
    return {name: tuple(people) for name, people in authors.items()}
