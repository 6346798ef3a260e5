# SPDX-License-Identifier: BSD-3-Clause
"""One decision, as the log keeps it: facts about a verdict or an act of people, in a few hundred bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.canonical import sha256_of
from trust.codec import to_json
from trust.evidence import Approval, Evidence, Waiver
from trust.policy import TrustPolicy
from trust.verdict import Outcome, Verdict


class Kind(StrEnum):
    """What was decided about."""

    POLICY = "policy"
    SIGN = "sign"
    PUBLISH = "publish"
    APPROVE = "approve"
    WAIVE = "waive"
    PROMOTE = "promote"
    RETIRE = "retire"
    DELEGATE = "delegate"
    ROTATE = "rotate"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, when and by whom.

    Args:
        kind: what about.
        subject: "NAME VERSION" of a package, or what a key, a role or a policy is called.
        accepted: whether it was a yes.
        at: when it was decided.
        who: whose signature stands for it: "pgp:FINGERPRINT" or "oidc:ISSUER#SUBJECT"; "" where
            nobody signs, as for a refusal.
        plan: the id of the plan of the image.
        policy_version: of the policy that was asked.
        policy_sha256: of the policy that was asked.
        verdict_sha256: of the canonical JSON of the verdict; `verdict.json` beside a published image
            has the one of its signing.
        refused: the rules that said no.
        waivers: ids of the waivers that were used.
        note: a reason in words, where somebody gave one.
    """

    kind: Kind
    subject: str
    accepted: bool
    at: datetime
    who: str = ""
    plan: str | None = None
    policy_version: int | None = None
    policy_sha256: str | None = None
    verdict_sha256: str | None = None
    refused: tuple[str, ...] = ()
    waivers: tuple[str, ...] = ()
    note: str = ""

    @property
    def identity(self) -> str:
        """Return the sha256 of what was decided, without when: the same again is not logged again."""
        said = to_json(self)
        assert isinstance(said, dict)  # noqa: S101 - for mypy: a dataclass becomes an object
        return sha256_of({k: v for k, v in said.items() if k not in ("at", "verdict_sha256")})


def of_verdict(kind: Kind, verdict: Verdict, evidence: Evidence, *, who: str = "") -> Decision:
    """Return the decision that a verdict is.

    Args:
        kind: `SIGN`, `PUBLISH`, `PROMOTE` or `RETIRE`.
        verdict: what the judge said.
        evidence: what it was asked about.
        who: whose signature the yes stands for.
    """
    return Decision(
        kind=kind,
        subject=f"{verdict.name} {verdict.version}",
        accepted=verdict.accepted,
        at=verdict.at,
        who=who if verdict.accepted else "",
        plan=evidence.plan,
        policy_version=verdict.policy_version,
        policy_sha256=verdict.policy_sha256,
        verdict_sha256=sha256_of(to_json(verdict)),
        refused=tuple(finding.rule for finding in verdict.refusals),
        waivers=tuple(waiver.id for waiver in _used(verdict, evidence)),
    )


def behind(verdict: Verdict, evidence: Evidence) -> Iterator[Decision]:
    """Yield what people decided that a verdict rests on: approvals of this plan, waivers that were used."""
    subject = f"{verdict.name} {verdict.version}"
    for approval in evidence.approvals or ():
        if (approval.subject, approval.plan) == (subject, evidence.plan):
            yield of_approval(approval)
    for waiver in _used(verdict, evidence):
        yield of_waiver(waiver)


def of_approval(approval: Approval) -> Decision:
    """Return the decision that an approval is."""
    return Decision(
        kind=Kind.APPROVE,
        subject=approval.subject,
        accepted=True,
        at=approval.given,
        who=approval.by,
        plan=approval.plan,
        note=f"{approval.name}, {approval.facility}, as {', '.join(approval.roles)}",
    )


def of_waiver(waiver: Waiver) -> Decision:
    """Return the decision that a waiver is."""
    return Decision(
        kind=Kind.WAIVE,
        subject=f"{waiver.rule} for {waiver.package} {', '.join(waiver.versions)}",
        accepted=True,
        at=waiver.granted,
        waivers=(waiver.id,),
        note=f"{waiver.reason} (until {waiver.expires:%Y-%m-%d %H:%M} UTC, "
        f"by {', '.join(waiver.approvers)})",
    )


def of_policy(policy: TrustPolicy, *, at: datetime) -> Decision:
    """Return the decision that a policy is in force; by its sha256 it is logged once.

    Nobody signs for it: who merged it is in git, and whoever signs the head says that it was this one.
    """
    return Decision(
        kind=Kind.POLICY,
        subject=f"trust-policy {policy.version}",
        accepted=True,
        at=at,
        policy_version=policy.version,
        policy_sha256=policy.sha256,
    )


def pgp(fingerprint: str) -> str:
    """Return how the log names who holds a PGP key."""
    return f"pgp:{fingerprint}"


def _used(verdict: Verdict, evidence: Evidence) -> tuple[Waiver, ...]:
    """Return the waivers that answered a rule of the verdict."""
    waived = [finding.rule for finding in verdict.of(Outcome.WAIVED)]
    return tuple(
        waiver
        for waiver in evidence.waivers
        if any(waiver.covers(rule, verdict.name, verdict.version, verdict.at) for rule in waived)
    )
