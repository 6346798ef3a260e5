# SPDX-License-Identifier: BSD-3-Clause
"""What people and pipelines say to a publication, verified: who publishes, who approved, who waived."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from builder.state import State
from pansoft import identity, target
from trust.evidence import Approval, Evidence, IdentityFacts, Waiver
from trust.policy import TrustPolicy


@dataclass(frozen=True, slots=True)
class Consent:
    """What was said, of all packages; `about` takes what is about one."""

    publisher: IdentityFacts | None = None
    approvals: tuple[Approval, ...] = ()
    waivers: tuple[Waiver, ...] = ()

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


def consent_of(
    policy: TrustPolicy, state: State, *, identity_file: Path | None, at: datetime
) -> Consent:
    """Return what people and pipelines say to publishing into the repository of a state.

    Raises:
        Refused: the repository asks who publishes, and the token that is there is not to be believed.
    """
    repository = target.fqrn(state)
    return Consent(
        publisher=identity.publisher_of(
            policy, state, repository=repository, file=identity_file, at=at
        )
    )
