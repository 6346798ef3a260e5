# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust explain`: a decision again, why, and what would change it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from builder.sign import Record
from builder.state import State
from core import strict_yaml
from core.canonical import Json, readable_json
from core.errors import EXIT_DONE, EXIT_REFUSED, UserError
from core.reports import Format, render
from pansoft import clock, target, workspace
from pansoft.context import Context
from pansoft.days import moment_of
from pansoft.policy_check import merge_evidence
from pansoft.records import Kept, NoneKept, find_record
from trust import keys, verdict
from trust.codec import to_json
from trust.evidence import Purpose
from trust.explain import explanation
from trust.explain.explanation import Explanation, explanations
from trust.judge import judge
from trust.policy import TrustPolicy, load_policy, policy_file
from trust.reports.problems import problems_of, rule_texts
from trust.rules import RULES
from trust.rules.rule import Rule
from trust.verdict import Outcome, Verdict


@click.command()
@click.argument("name", metavar="NAME[@VERSION]|PATH")
@click.option("--rule", "rule_id", help="Only this rule, with all that it asked and saw.")
@click.option("--at", "day", metavar="DATE", help="Ask again as if it were that day (YYYY-MM-DD).")
@click.option(
    "--policy",
    type=click.Path(exists=True, path_type=Path),
    help="Ask another policy than the project's: its folder, or a file of it that is to be tried.",
)
@click.option(
    "--purpose",
    type=click.Choice([purpose.value for purpose in Purpose]),
    help="Ask for another purpose than it was decided for.",
)
@click.option(
    "--repository",
    metavar="FQRN",
    help="Ask as if it were about this repository, of which the policy says who reads it.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    default=Format.TEXT.value,
    show_default=True,
    help="text for people, json for programs, gitlab for a Code Quality report, sarif for editors.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_obj
def explain(
    context: Context,
    *,
    name: str,
    rule_id: str | None,
    day: str | None,
    policy: Path | None,
    purpose: str | None,
    repository: str | None,
    form: str,
    as_json: bool,
) -> int:
    """Replay the last decision about a package: what was asked and seen, what would change it.

    The evidence that was kept is judged again, by the policy as it is now or by another one. PATH is
    the folder of a published version, on a read-only mount as well, or a signed image. Exit 3 if the
    answer is no, or if nobody whom the policy lists has signed what was seen. About a recipe of which
    nothing was decided yet, what a merge request would be told.

    Example: pansoft trust explain hdf5-tools --rule licence-allowed
    """
    rules = (_rule(rule_id),) if rule_id else RULES
    place = policy or context.policy
    trusted = load_policy(place, local=keys.local_policy(context.state))
    at = moment_of(day) if day else clock.now()
    kept = _kept(context, name, trusted)
    asked_to = Purpose(purpose) if purpose else kept.record.evidence.purpose
    asked_of = repository or kept.record.evidence.repository
    evidence = replace(kept.record.evidence, purpose=asked_to, repository=asked_of)
    now = judge(trusted, evidence, at=at, rules=rules)
    document = _document(policy_file(place))
    found = explanations(trusted, document, evidence, kept.record.verdict, at=at, rules=rules)
    match Format.JSON if as_json else Format(form):
        case Format.TEXT:
            click.echo("\n".join(_lines(kept, now, found, in_full=rule_id is not None)))
        case Format.JSON:
            click.echo(readable_json(_json(kept, now, found)), nl=False)
        case Format.GITLAB | Format.SARIF as chosen:
            problems = problems_of(now, policy=document, recipe=_recipe(context, now.name))
            click.echo(render(problems, chosen, root=context.project, rules=rule_texts()), nl=False)
    return EXIT_DONE if now and kept.vouched else EXIT_REFUSED


def _kept(context: Context, name: str, policy: TrustPolicy) -> Kept:
    """Return the last decision; of a recipe about which there is none, what its merge would be."""
    state, at = State(context.state), clock.now()
    try:
        return find_record(state, name, policy=policy, at=at)
    except NoneKept:
        if not (context.recipes / name / "recipe.yaml").is_file():
            raise
    (recipe,) = workspace.recipes_named(context, [name])
    evidence = merge_evidence(context, recipe, repository=target.fqrn(state))
    return Kept(Record(evidence, judge(policy, evidence, at=at)), str(recipe.file), "this checkout")


def _document(file: Path) -> strict_yaml.Document:
    """Return the text of the policy; it is shown by a name that can be pasted."""
    absolute, here = file.absolute(), Path.cwd()
    below = absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
    return strict_yaml.load(file, shown_as=below)


def _recipe(context: Context, name: str) -> strict_yaml.Document | None:
    """Return the recipe of a package, where the project has it."""
    file = context.recipes / name / "recipe.yaml"
    return strict_yaml.load(file) if file.is_file() else None


def _rule(rule_id: str) -> Rule:
    for rule in RULES:
        if rule.id == rule_id:
            return rule
    known = ", ".join(rule.id for rule in RULES)
    raise UserError(f"there is no rule '{rule_id}'", hint=f"the rules are: {known}")


def _lines(
    kept: Kept, now: Verdict, found: Sequence[Explanation], *, in_full: bool
) -> Iterator[str]:
    then = kept.record.verdict
    answer = "accepted" if then.accepted else "refused"
    yield (
        f"decided {then.at:%Y-%m-%d %H:%M} UTC to {then.purpose}, by version {then.policy_version} of "
        f"the policy: {answer}; asked again:"
    )
    yield verdict.text(now)
    if kept.doubt:
        yield f"nobody vouches for what was seen: {kept.doubt}"
    told = found if in_full else [each for each in found if _is_worth_telling(each)]
    for each in told:
        yield ""
        yield explanation.text(each)
    later = [each for each in found if each.turn is not None and each not in told]
    if later:
        yield ""
    for each in later:
        assert each.turn is not None  # noqa: S101 - for mypy: it was asked above
        turn = each.turn
        yield (
            f"from {turn.at:%Y-%m-%d %H:%M:%S} UTC {each.rule.id} says {turn.finding.outcome}: "
            f"{turn.finding.message}"
        )


def _is_worth_telling(each: Explanation) -> bool:
    """Return whether a person who did not ask for a rule wants to read all about it."""
    holds_back = each.now.outcome in (Outcome.REFUSED, Outcome.WAIVED)
    return holds_back or (each.has_changed and each.then is not None)


def _json(kept: Kept, now: Verdict, found: Sequence[Explanation]) -> dict[str, Json]:
    return {
        "schema": 2,
        "kept": kept.where,
        "vouched": kept.vouched,
        "doubt": kept.doubt,
        "evidence": to_json(kept.record.evidence),
        "then": to_json(kept.record.verdict),
        "now": to_json(now),
        "accepted": now.accepted,
        "rules": [explanation.as_json(each) for each in found],
    }
