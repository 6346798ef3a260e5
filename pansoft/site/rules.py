# SPDX-License-Identifier: BSD-3-Clause
"""A site's acceptance as rules, so that the judge who asks those of the policy asks these as well.

A rule can only say no, so nothing that is written in `acceptance.yaml` under `accept` or `refuse` lets
anything in that the policy keeps out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from pansoft.site.acceptance import FILE_NAME, Acceptance, is_accepted
from trust.evidence import Evidence, Purpose
from trust.policy import TrustPolicy
from trust.rules import RULES
from trust.rules.rule import Answer, Passed, Refusal, Rule, unknown
from trust.verdict import Group

_VERIFY = frozenset({Purpose.VERIFY})
_FIX = f"if the site wants it, write so in {FILE_NAME}"


@dataclass(frozen=True, slots=True)
class Delivered:
    """How a version came to the site: who answers for it, and in which form; None is not known."""

    namespace: str | None
    form: str


def all_rules(acceptance: Acceptance, delivered: Delivered) -> tuple[Rule, ...]:
    """Return every rule that is asked at a site: the policy's and the site's own."""
    checks: tuple[tuple[Rule, _Check], ...] = (
        (_PACKAGE, _package),
        (_NAMESPACE, _namespace),
        (_CHANNEL, _channel),
        (_FORM, _form),
    )
    own = (
        replace(rule, check=partial(_asked, check, acceptance, delivered)) for rule, check in checks
    )
    return (*RULES, *own)


def without_waivers_not_accepted(evidence: Evidence, acceptance: Acceptance) -> Evidence:
    """Return the evidence with those waivers alone that count at the site."""
    waivers = (each for each in evidence.waivers if is_accepted(each.rule, acceptance.waivers))
    return replace(evidence, waivers=tuple(waivers))


_Check = Callable[[Acceptance, Delivered, Evidence], Answer]


def _asked(
    check: _Check,
    acceptance: Acceptance,
    delivered: Delivered,
    policy: TrustPolicy,  # noqa: ARG001  # a rule is given it
    evidence: Evidence,
    at: datetime,  # noqa: ARG001  # a rule is given it
) -> Answer:
    return check(acceptance, delivered, evidence)


def _package(acceptance: Acceptance, _: Delivered, evidence: Evidence) -> Answer:
    refused = acceptance.refusal_of(evidence.name)
    if refused is not None:
        return Refusal(f"this site refuses {evidence.name}: {refused.reason}")
    return _listed(evidence.name, acceptance.packages, "the package")


def _namespace(acceptance: Acceptance, delivered: Delivered, _: Evidence) -> Answer:
    if delivered.namespace is None:
        return unknown("who in the federation answers for it")
    return _listed(delivered.namespace, acceptance.namespaces, "the namespace")


def _channel(acceptance: Acceptance, _: Delivered, evidence: Evidence) -> Answer:
    if evidence.release is None:
        return unknown("the channel")
    return _listed(evidence.release.channel, acceptance.channels, "the channel")


def _form(acceptance: Acceptance, delivered: Delivered, _: Evidence) -> Answer:
    return _listed(delivered.form, acceptance.forms, "the form")


def _listed(name: str, patterns: tuple[str, ...], what: str) -> Answer:
    if is_accepted(name, patterns):
        return Passed(f"this site accepts {what} {name}")
    return Refusal(f"this site accepts {what} {' or '.join(patterns) or 'of nobody'}, not {name}")


def _never(*_: object) -> Answer:
    return unknown("what the site accepts")


_PACKAGE = Rule(
    id="site-package",
    group=Group.SAFETY,
    purposes=_VERIFY,
    asks="The site accepts the package and does not refuse it by name.",
    why="A site answers for what runs on its machines, whoever else finds it good.",
    fix=_FIX,
    check=_never,
)

_NAMESPACE = Rule(
    id="site-namespace",
    group=Group.SAFETY,
    purposes=_VERIFY,
    asks="The site accepts the namespace of the federation that answers for the package.",
    why="A site may trust some facilities and not others.",
    fix=_FIX,
    check=_never,
)

_CHANNEL = Rule(
    id="site-channel",
    group=Group.RELEASE,
    purposes=_VERIFY,
    asks="The site accepts the channel that the version is in.",
    why="A production cluster may want nothing that is still being tried.",
    fix=_FIX,
    check=_never,
)

_FORM = Rule(
    id="site-form",
    group=Group.SAFETY,
    purposes=_VERIFY,
    asks="The site accepts the form in which the version is delivered, an image or a tree.",
    why="Apptainer's Execution Control List covers images alone.",
    fix=_FIX,
    check=_never,
)
