# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust explain`: a decision again, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from builder import sign as signing
from builder.state import State
from core.canonical import readable_json
from core.errors import EXIT_DONE, EXIT_REFUSED, UserError
from pansoft import clock
from pansoft.context import Context
from trust import keys, verdict
from trust.codec import to_json
from trust.judge import judge
from trust.policy import load_policy
from trust.rules import RULES


@click.command()
@click.argument("name")
@click.option("--rule", "rule_id", help="Only this rule, with what it asks and why.")
@click.option("--at", "day", metavar="DATE", help="Ask again as if it were that day (YYYY-MM-DD).")
@click.option(
    "--policy",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Ask another policy folder than the project's.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def explain(
    context: Context,
    *,
    name: str,
    rule_id: str | None,
    day: str | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """Replay the last decision about a package: what was asked and seen, what mends a no.

    The same evidence is judged again by the policy as it is now. Exit 3 if that is a no.

    Example: pansoft trust explain hdf5-tools --rule licence-allowed
    """
    rule = next((each for each in RULES if each.id == rule_id), None)
    if rule_id is not None and rule is None:
        known = ", ".join(each.id for each in RULES)
        raise UserError(f"there is no rule '{rule_id}'", hint=f"the rules are: {known}")
    record = _last_record(State(context.state), name)
    trusted = load_policy(policy or context.policy, local=keys.local_policy(context.state))
    at = _moment(day) if day else clock.now()
    again = judge(trusted, record.evidence, at=at, rules=(rule,) if rule else RULES)
    if as_json:
        answer = {
            "evidence": to_json(record.evidence),
            "then": to_json(record.verdict),
            "now": to_json(again),
            "accepted": again.accepted,
        }
        click.echo(readable_json(answer), nl=False)
        return EXIT_DONE if again else EXIT_REFUSED
    then = "accepted" if record.verdict.accepted else "refused"
    click.echo(f"decided {record.verdict.at:%Y-%m-%d %H:%M} UTC: {then}; asked again:")
    click.echo(verdict.text(again))
    if rule:
        click.echo(f"\n{rule.asks}\nWhy: {rule.why}\nTo mend a no: {rule.fix}")
    return EXIT_DONE if again else EXIT_REFUSED


def _last_record(state: State, name: str) -> signing.Record:
    kept = [each for each in signing.records(state.folder / "signed") if each.verdict.name == name]
    if not kept:
        raise UserError(
            f"no decision about '{name}' is kept in this state folder",
            hint=f"pansoft sign {name} makes one",
        )
    return max(kept, key=lambda each: each.verdict.at)


def _moment(day: str) -> datetime:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as err:
        raise UserError(f"'{day}' is not a day", hint="for example: --at 2026-12-31") from err
