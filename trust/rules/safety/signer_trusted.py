# SPDX-License-Identifier: BSD-3-Clause
"""signer-trusted: the key is one of the policy's, for this package, today."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence, Purpose
from trust.policy import Audience, Origin, Removed, Signer, TrustPolicy
from trust.rules.rule import BUILT, TIME, Answer, Passed, Refusal, Rule, unknown
from trust.rules.standing import gone, objection, unfit
from trust.verdict import Group

_COSIGN = "have a signer who still counts sign it as well: pansoft trust cosign PATH --key NAME"


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:
    """Ask the policy about the key, then the key about itself."""
    seen = evidence.signer
    if seen is None:
        return unknown("the key that signs")
    signer = policy.signer(seen.fingerprint)
    if signer is None:
        return Refusal(f"the policy does not list the key {seen.fingerprint} ({seen.name})")
    if signer.removed is not None:
        stands = unfit(seen, signer, evidence.name, at)
        return stands or _after_removal(policy, evidence, signer, signer.removed, at)
    return objection(policy, seen, evidence.name, at) or _repository(policy, evidence, signer)


def _after_removal(
    policy: TrustPolicy, evidence: Evidence, signer: Signer, removed: Removed, at: datetime
) -> Answer:
    """Answer for the key of a signer who is gone: nothing new, and of the old what the policy keeps."""
    left, since = gone(signer, removed), evidence.witnessed
    if evidence.purpose is not Purpose.VERIFY:
        return Refusal(left, "sign with the key of a signer who still counts")
    vouching = _vouching(policy, evidence, at)
    if vouching is not None:
        return Passed(f"{left}; {vouching.name} has signed it as well")
    if removed.accept_before is None:
        return Refusal(f"{left}; nothing that the key has signed is accepted", _COSIGN)
    when = f"published on {since:%Y-%m-%d}" if since else "when it was published is not known"
    if removed.accepts(since):
        return Passed(f"{left}; {when}, before {removed.accept_before}")
    only = f"only what was published before {removed.accept_before} is accepted"
    return Refusal(f"{left}; {only}: {when}", _COSIGN)


def _vouching(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Signer | None:
    """Return a signer of the project who still counts and has signed the same statement."""
    for seen in evidence.signers or ():
        signer = policy.signer(seen.fingerprint)
        of_project = signer is not None and signer.origin is Origin.PROJECT
        if of_project and objection(policy, seen, evidence.name, at) is None:
            return signer
    return None


def _repository(policy: TrustPolicy, evidence: Evidence, signer: Signer) -> Answer:
    if signer.origin is Origin.PROJECT:
        return Passed(f"signed by {signer.name} ({signer.fingerprint})")
    if evidence.purpose is Purpose.PUBLISH:
        if evidence.repository is None:
            return unknown("the repository")
        if policy.audience_of(evidence.repository) is not Audience.LOCAL:
            return Refusal(
                f"the key of {signer.name} is local, valid for this state folder only; "
                f"{evidence.repository} is not a local repository",
                "have the release key sign it",
            )
    return Passed(
        f"signed by {signer.name} ({signer.fingerprint}), a local key, valid for this state folder only"
    )


RULE = Rule(
    id="signer-trusted",
    group=Group.SAFETY,
    purposes=BUILT,
    asks="The PGP key that signs is listed in the policy for this package, and is neither "
    "disabled, expired, revoked nor outside its days. The key of a removed signer signs nothing new; what "
    "a repository had published before `removed.accept_before` stays accepted.",
    why="Whoever can sign can have every partner run their program. A key of this machine only "
    "(`local`) may sign for repositories that nobody else reads.",
    fix="sign with a listed key, or propose the key for `signers` in trust-policy/policy.yaml",
    check=check,
    reads=(
        "evidence.signer",
        "evidence.signers",
        "evidence.witnessed",
        "evidence.repository",
        "policy.signers",
        "policy.authorities",
        "policy.repositories",
        TIME,
    ),
    waivable=False,
)
