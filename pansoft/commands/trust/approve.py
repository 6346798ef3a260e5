# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust approve`: somebody with a role says yes to one plan of a package."""

from __future__ import annotations

import click

from core.canonical import Json, readable_json
from pansoft import clock, signing_consent, workspace
from pansoft.context import Context
from pansoft.signing_consent import SignerChoice, signer_options, voice_json
from trust.consent import approvals
from trust.consent.approvals import Examined
from trust.keys import local_policy
from trust.policy import load_policy


@click.command()
@click.argument("name")
@click.option("--role", help="Sign only if you have this role.")
@signer_options
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def approve(
    context: Context, *, name: str, role: str | None, who: SignerChoice, as_json: bool
) -> None:
    """Approve the plan that the recipe and the lock of NAME give now, and no other.

    The approval is a file of the trust policy, for a merge request; each further signer adds a
    signature to it. Without a key and a token it is written and shown, with what to sign.

    Example: pansoft trust approve hdf5-tools
    """
    policy = load_policy(context.policy, local=local_policy(context.state))
    at = clock.now()
    (recipe,) = workspace.recipes_named(context, [name])
    plan = workspace.plan_of(context, recipe).id
    authors = tuple(each.name for each in recipe.maintainers)
    content = {
        "kind": approvals.KIND,
        "package": recipe.name,
        "version": recipe.version,
        "plan": str(plan),
        "authors": list(authors),
    }
    folder = context.policy / approvals.FOLDER
    file = folder / f"{recipe.name}-{recipe.version}-{plan[:12]}.yaml"
    signing_consent.settle(file, approvals.CONTENT, content)
    if not as_json:
        context.console.say(f"approval of {recipe.name} {recipe.version}, plan {plan}")
    voice = signing_consent.sign(context, policy, file, approvals.CONTENT, who, at=at, role=role)
    examined = approvals.examine(file, policy, at=at, authors={recipe.name: authors})
    if as_json:
        click.echo(readable_json(_json(examined)), nl=False)
        return
    click.echo(_text(examined))
    if voice is None:
        click.echo(f"not signed; it can be signed\n{signing_consent.how(policy, content)}")


def _json(examined: Examined) -> dict[str, Json]:
    return {
        "file": str(examined.signed.file),
        "content": dict(examined.signed.content),
        "sha256": examined.signed.id,
        "signed": [voice_json(each) for each in examined.voices],
        "count": [each.name for each in examined.approvals],
        "problems": [str(each) for each in examined.problems],
    }


def _text(examined: Examined) -> str:
    content = examined.signed.content
    lines = [
        f"approval   {content['package']} {content['version']}",
        f"plan       {content['plan']}",
        f"sha256     {examined.signed.id}",
        f"file       {examined.signed.file}",
    ]
    for each in examined.voices:
        roles = ", ".join(each.roles)
        lines.append(f"signed by  {each.name} ({each.facility}): {roles}")
    lines += [f"but        {each.message}" for each in examined.problems]
    return "\n".join(lines)
