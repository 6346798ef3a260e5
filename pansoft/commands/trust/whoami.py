# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust whoami`: what a token is worth here, and why not more."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from core.canonical import Json, readable_json
from core.errors import EXIT_DONE, EXIT_REFUSED, Refused, UserError
from pansoft import clock, identity, workspace
from pansoft.context import Context
from trust.codec import to_json
from trust.identity import recognition
from trust.identity.verification import Verified
from trust.policy import People, load_policy
from trust.policy.people import PUBLISHER


@click.command()
@click.option(
    "--identity-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file with the token, which nobody else can read; by default the variable that the "
    "policy names.",
)
@click.option("--issuer", "name", help="Only a token of this issuer of the policy will do.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def whoami(context: Context, *, identity_file: Path | None, name: str | None, as_json: bool) -> int:
    """Say who a token says that you are, which roles that gives, and what it lacks for others.

    The token comes from a file or from the variable that the policy names, and is shown nowhere.
    Exit 3 if it is not to be believed, or gives no role.

    Example: pansoft trust whoami --identity-file token.txt
    """
    policy, at = load_policy(context.policy), clock.now()
    people = policy.people
    if name is not None and people.issuer(name) is None:
        known = ", ".join(each.name for each in people.issuers) or "none"
        raise UserError(f"the policy has no issuer '{name}'", hint=f"it has: {known}")
    found = identity.shown(policy, workspace.state_of(context), file=identity_file, at=at)
    if found is None:
        raise UserError(
            f"there is no token: the variable {people.token_variable} is not set",
            hint="in a job: `id_tokens` in .gitlab-ci.yml, see docs/identity.md; "
            "by hand: --identity-file FILE",
        )
    if name is not None and found.issuer.name != name:
        raise Refused(f"the token is of the issuer '{found.issuer.name}', not of '{name}'")
    answer = _worth(people, found, at)
    click.echo(readable_json(answer) if as_json else _text(answer), nl=not as_json)
    return EXIT_DONE if answer["roles"] else EXIT_REFUSED


def _worth(people: People, found: Verified, at: datetime) -> dict[str, Json]:
    pipeline = recognition.pipeline_of(people, found.issuer, found.claims)
    somebody = recognition.somebody_of(people, found.issuer, found.claims, at=at)
    roles = {*pipeline.roles, *(somebody.roles if somebody else ())}
    return {
        "issuer": found.issuer.name,
        "subject": found.claims.subject,
        "expires": to_json(found.claims.expires),
        "pipeline": pipeline.name if pipeline.roles else None,
        "person": somebody.name if somebody else None,
        "roles": list[Json](sorted(roles)),
        "may_publish": PUBLISHER in pipeline.roles,
        "lacks": list[Json](recognition.misfits(people, found.issuer, found.claims)),
    }


def _text(answer: dict[str, Json]) -> str:
    lacks = answer["lacks"]
    roles = answer["roles"]
    lines = [
        f"issuer    {answer['issuer']}",
        f"subject   {answer['subject']}",
        f"until     {answer['expires']}",
        f"pipeline  {answer['pipeline'] or 'none that the policy lists'}",
        f"person    {answer['person'] or 'none that the policy lists'}",
        f"roles     {', '.join(map(str, roles)) if isinstance(roles, list) and roles else 'none'}",
        f"publish   {'yes' if answer['may_publish'] else 'no'}, to repositories that others read",
    ]
    for each in lacks if isinstance(lacks, list) else ():
        lines.append(f"is not    {each}")
    return "\n".join(lines)
