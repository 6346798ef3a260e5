# SPDX-License-Identifier: BSD-3-Clause
"""components-allowed: what an image holds besides its own program may be handed on as well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from packaging.utils import canonicalize_name

from core import spdx
from trust.evidence import BillFacts, Component, Evidence
from trust.policy import ComponentReview, Licensing, TrustPolicy
from trust.rules.licensing.accepting import denied, listed, take
from trust.rules.rule import BUILT, Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group

_SHOWN = 5


def check(policy: TrustPolicy, evidence: Evidence, at: datetime) -> Answer:  # noqa: ARG001
    """Look at the licence of every component."""
    if evidence.bill is None or evidence.bill.contents is None:
        return unknown("what the image holds")
    contents = evidence.bill.contents
    if _is_incomplete(evidence.bill, contents):
        return Refusal(
            f"the bill of materials counts {evidence.bill.components} components, "
            f"{evidence.bill.unlicensed} of them without a licence; told are {len(contents)}, "
            f"{_unlicensed(contents)} of them without"
        )
    refused = list(_objections(policy.licensing, evidence.name, contents))
    if refused:
        more = f"; and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        return Refusal("; ".join(refused[:_SHOWN]) + more)
    return Passed(_counted(policy.licensing, contents))


def _is_incomplete(bill: BillFacts, contents: tuple[Component, ...]) -> bool:
    """Whether something was left out: what is not told must not count as nothing."""
    return (bill.components, bill.unlicensed) != (len(contents), _unlicensed(contents))


def _unlicensed(contents: tuple[Component, ...]) -> int:
    return sum(not each.licences for each in contents)


def _objections(policy: Licensing, package: str, contents: tuple[Component, ...]) -> Iterator[str]:
    for component in contents:
        if (no := objection(policy, package, component)) is not None:
            yield f"{told(component)}: {no}"


def objection(policy: Licensing, package: str, component: Component) -> str | None:
    """Return what stands against a component, or None."""
    if component.origin in policy.components.trusted_origins:
        return None
    stated = licences_of(policy, package, component)
    if not stated:
        return "no machine can tell its licence" if policy.components.unknown != "warn" else None
    review = review_of(policy, package, component)
    accepted = review is not None and (review.licence,) == stated
    known = ("*",) if accepted else _read_for(policy, package, component)
    said = [_of_one(policy, each, known) for each in stated]
    return " and ".join(filter(None, said)) or None


def _read_for(policy: Licensing, package: str, component: Component) -> tuple[str, ...]:
    """Return the licences that somebody read for the package, where the component is its program.

    Whether the words are those that were read, licence-allowed asks.
    """
    if canonicalize_name(component.name) != package:
        return ()
    return tuple(review.licence for review in policy.reviewed if review.package == package)


def _of_one(policy: Licensing, expression: str, known: tuple[str, ...]) -> str | None:
    """Return what stands against one of the expressions that a component declares."""
    if not spdx.parse(expression).is_valid:
        return f"'{expression[:80]}' is no SPDX expression"
    taken = take(expression, lambda licence: _against(policy, licence, known))
    return " and ".join(taken.objections) or None


def _against(policy: Licensing, licence: str, known: tuple[str, ...]) -> str | None:
    """Return what stands against one licence; a denied one stays denied when reviewed."""
    if (no := denied(policy, licence)) is not None:
        return no
    name = licence.partition(" WITH ")[0]
    if listed(name, policy.allow) or listed(name, known):
        return None
    if listed(name, policy.review):
        return f"{name} needs a review of the component"
    return f"{name} is on no list of the policy"


def licences_of(policy: Licensing, package: str, component: Component) -> tuple[str, ...]:
    """Return what a component declares, or what somebody found where it declares nothing."""
    if component.licences:
        return component.licences
    review = review_of(policy, package, component)
    return (review.licence,) if review is not None else ()


def review_of(policy: Licensing, package: str, component: Component) -> ComponentReview | None:
    """Return the review that is about a component in a package: one of what it declares comes first."""
    name = component.purl.removeprefix("pkg:").partition("@")[0]
    found = [each for each in policy.components.reviewed if each.covers(name, package)]
    same = [each for each in found if (each.licence,) == component.licences]
    return next(iter((*same, *found)), None)


def told(component: Component) -> str:
    """Return a component as people know it, with who brought it."""
    brought = f" (brought by {', '.join(component.brought_by)})" if component.brought_by else ""
    return f"{component.name} {component.version}{brought}"


def _counted(policy: Licensing, contents: tuple[Component, ...]) -> str:
    trusted = [each for each in contents if each.origin in policy.components.trusted_origins]
    by_origin = f", {len(trusted)} of them by their origin" if trusted else ""
    return f"{len(contents)} components{by_origin}"


RULE = Rule(
    id="components-allowed",
    group=Group.LICENSING,
    purposes=BUILT,
    asks="Every component that the bill of materials names comes from an origin that the policy trusts, "
    "or declares a licence on the allow list, or somebody has reviewed it (`licensing.components`); "
    "for the program that the package is named after, `licensing.reviewed` counts. Where no machine "
    "can tell a licence, the policy says whether that is a no.",
    why="Who hands on an image hands on all that is in it; a free program may bring a library that "
    "is not.",
    fix="leave the component out, or propose a review of it for `licensing.components.reviewed` in "
    "trust-policy/policy.yaml",
    check=check,
    reads=(
        "evidence.bill.contents",
        "evidence.bill.components",
        "evidence.bill.unlicensed",
        "policy.licensing.allow",
        "policy.licensing.review",
        "policy.licensing.deny",
        "policy.licensing.exceptions",
        "policy.licensing.components",
        "policy.licensing.reviewed",
    ),
    waivable=False,
)
