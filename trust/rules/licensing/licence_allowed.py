# SPDX-License-Identifier: BSD-3-Clause
"""licence-allowed: the licence is on the allow list, or somebody has read it for this package."""

from __future__ import annotations

from datetime import datetime

from core import spdx
from trust.evidence import Evidence, LicenceFacts
from trust.policy import Licensing, Review, TrustPolicy
from trust.rules.licensing.accepting import denied, listed, take
from trust.rules.rule import ALWAYS, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look for one way to take the licence of which every part is accepted."""
    facts = evidence.licence
    if facts is None:
        return unknown("the licence")
    if not spdx.parse(facts.spdx).is_valid:
        return Refusal("the licence is not a valid SPDX expression", "see licence-known")
    taken = take(
        facts.spdx, lambda licence: _objection(policy.licensing, evidence.name, facts, licence)
    )
    if taken.objections:
        return Refusal("; ".join(taken.objections))
    return Passed(f"{' and '.join(taken.way)} allowed")


def _objection(policy: Licensing, package: str, facts: LicenceFacts, licence: str) -> str | None:
    """Return what stands against one licence, or None. A denied one stays denied when reviewed."""
    if (no := denied(policy, licence)) is not None:
        return no
    name = licence.partition(" WITH ")[0]
    if listed(name, policy.allow):
        return None
    if listed(name, policy.held):
        return _against_holding(facts, name)
    for review in policy.reviewed:
        if (review.package, review.licence) == (package, name):
            return _against_review(review, facts)
    if listed(name, policy.review):
        return f"{name} needs a review for {package}"
    return f"{name} is on no list of the policy"


def _against_holding(facts: LicenceFacts, name: str) -> str | None:
    """An agreement of each holder with the makers gives nobody else a right."""
    if facts.redistribution == "forbidden":
        return None
    return (
        f"{name} is an agreement of each holder with the makers: whoever is bound by it hands "
        "nothing on (redistribution: forbidden)"
    )


def _against_review(review: Review, facts: LicenceFacts) -> str | None:
    """A licence that SPDX does not list has no words but those that were read."""
    if "LicenseRef-" not in review.licence:
        return None
    if review.text is None:
        return f"the review of {review.licence} does not say which words were read"
    if facts.text_sha256 is None:
        return f"the words of {review.licence} are not beside the recipe"
    if facts.text_sha256 != review.text:
        return (
            f"the words of {review.licence} are others than those that {review.by} read on "
            f"{review.on}: they need another review"
        )
    return None


RULE = Rule(
    id="licence-allowed",
    group=Group.LICENSING,
    purposes=ALWAYS,
    asks="The licence is on the policy's allow list, or on its review list and reviewed for this "
    "package; a LicenseRef- by the sha256 of its words, which lie beside the recipe. What each holder "
    "agrees to with the makers (`held`) is for packages that are handed to nobody. An exception is "
    "not denied. With OR one allowed choice is enough; with AND all must be.",
    why="A facility that offers software answers for its licence.",
    fix="propose the licence, or a review of it for the package with the sha256 of its words "
    "(`license.text` in the recipe), for `licensing` in trust-policy/policy.yaml",
    check=check,
    reads=(
        "evidence.licence.spdx",
        "evidence.licence.redistribution",
        "evidence.licence.text_sha256",
        "policy.licensing.allow",
        "policy.licensing.review",
        "policy.licensing.deny",
        "policy.licensing.held",
        "policy.licensing.exceptions",
        "policy.licensing.reviewed",
    ),
    waivable=False,
)
