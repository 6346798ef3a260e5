# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust waive`: an exception of one rule, for one package and named versions, for a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from builder.recipes.recipe import Recipe
from core.canonical import Json, readable_json
from core.errors import Refused, UserError
from pansoft import clock, signing_consent, workspace
from pansoft.context import Context
from pansoft.signing_consent import SignerChoice, signer_options, voice_json
from trust.consent import counting, documents, waivers
from trust.consent.waivers import Examined
from trust.keys import local_policy
from trust.policy import TrustPolicy, load_policy


@click.command()
@click.argument("rule")
@click.argument("name")
@click.option("--reason", help="Why this is all right; the first who signs says it.")
@click.option("--days", type=click.IntRange(min=1), help="How long it holds, from now on.")
@click.option(
    "--version",
    "versions",
    multiple=True,
    help="A version that it is about, more than once for several; by default the recipe's.",
)
@signer_options
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def waive(
    context: Context,
    *,
    rule: str,
    name: str,
    reason: str | None,
    days: int | None,
    versions: tuple[str, ...],
    who: SignerChoice,
    as_json: bool,
) -> None:
    """Let the no of RULE pass for versions of NAME, once enough people have signed that.

    The waiver is a file of the trust policy, for a merge request. The first call says why and for how
    long; each further signer signs what stands there. Who must still sign is shown.

    Example: pansoft trust waive no-setuid hdf5-tools
    """
    policy = load_policy(context.policy, local=local_policy(context.state))
    at = clock.now()
    (recipe,) = workspace.recipes_named(context, [name])
    _check_possible(rule, policy, days)
    wanted = versions or (recipe.version,)
    file = context.policy / waivers.FOLDER / f"{recipe.name}-{wanted[0]}-{rule}.yaml"
    content = _content(file, recipe, rule, wanted, reason=reason, days=days, at=at)
    voice = signing_consent.sign(context, policy, file, waivers.CONTENT, who, at=at)
    examined = waivers.examine(file, policy, at=at, authors={recipe.name: _authors(recipe)})
    if as_json:
        click.echo(readable_json(_json(examined, policy)), nl=False)
        return
    click.echo(_text(examined, policy))
    if voice is None:
        click.echo(f"not signed; it can be signed\n{signing_consent.how(policy, content)}")


def _check_possible(rule: str, policy: TrustPolicy, days: int | None) -> None:
    """Refuse at once what could never count."""
    terms = policy.waivers
    if terms is None:
        raise Refused(
            "the policy says of no waiver what it needs, so none counts",
            hint="propose a section `waivers` in trust-policy/policy.yaml",
        )
    if wrong := waivers.never(rule, policy):
        raise Refused(wrong, hint="pansoft trust explain NAME says how to mend what it says no to")
    if days is not None and days > terms.longest_days:
        raise Refused(f"a waiver lasts at most {terms.longest_days} days, not {days}")


def _content(
    file: Path,
    recipe: Recipe,
    rule: str,
    versions: Sequence[str],
    *,
    reason: str | None,
    days: int | None,
    at: datetime,
) -> dict[str, Any]:
    """Return what is signed: what stands in the file, or what the first signer says."""
    there = documents.read(file, waivers.CONTENT).content if file.exists() else None
    over = there is not None and _moment(there["expires"]) <= at
    if there is None or (over and reason is not None):
        if reason is None or days is None:
            raise UserError(
                f"there is no waiver of {rule} for {recipe.name} {versions[0]} yet",
                hint="the first who signs says --reason TEXT and --days N",
            )
        fresh: dict[str, Any] = {
            "kind": waivers.KIND,
            "rule": rule,
            "package": recipe.name,
            "versions": list(versions),
            "reason": reason,
            "authors": list(_authors(recipe)),
            "granted": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "expires": f"{at + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}",
        }
        signing_consent.settle(file, waivers.CONTENT, fresh, fresh=over)
        return fresh
    said: dict[str, Any] = {"versions": list(versions)} if len(versions) > 1 else {}
    said |= {"reason": reason} if reason is not None else {}
    if days is not None:
        said["expires"] = f"{_moment(there['granted']) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
    signing_consent.settle(file, waivers.CONTENT, {**there, **said})
    return dict(there)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as err:
        raise UserError(f"there is no {text}") from err


def _authors(recipe: Recipe) -> tuple[str, ...]:
    return tuple(each.name for each in recipe.maintainers)


def _json(examined: Examined, policy: TrustPolicy) -> dict[str, Json]:
    return {
        "file": str(examined.signed.file),
        "content": dict(examined.signed.content),
        "sha256": examined.signed.id,
        "signed": [voice_json(each) for each in examined.voices],
        "counts": not examined.problems,
        "problems": [str(each) for each in examined.problems],
        "could_sign": list[Json](_could(examined, policy)),
    }


def _text(examined: Examined, policy: TrustPolicy) -> str:
    content = examined.signed.content
    lines = [
        f"waiver     {content['rule']} for {content['package']} {', '.join(content['versions'])}",
        f"until      {content['expires']}",
        f"reason     {content['reason']}",
        f"sha256     {examined.signed.id}",
        f"file       {examined.signed.file}",
    ]
    for each in examined.voices:
        lines.append(f"signed by  {each.name} ({each.facility}): {', '.join(each.roles)}")
    lines += [f"but        {each.message}" for each in examined.problems]
    if could := _could(examined, policy):
        lines.append(f"could sign {', '.join(could)}")
    return "\n".join([*lines, "it counts" if not examined.problems else "it does not count yet"])


def _could(examined: Examined, policy: TrustPolicy) -> tuple[str, ...]:
    if policy.waivers is None or not examined.problems:
        return ()
    needed = waivers.needed_for(examined.signed.content, policy, policy.waivers)
    return counting.who_could(examined.voices, needed, policy)
