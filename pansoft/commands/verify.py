# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft verify`: may this image or tree be believed, who says so, and does it come out the same again."""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path

import click

from builder import sign as signing
from builder.evidence import difference
from core.canonical import readable_json
from core.errors import Refused, UserError
from pansoft import clock, rebuild, trees, witness, workspace
from pansoft.consent import consent_in
from pansoft.context import Context
from pansoft.rebuild import Rebuilt
from trust.evidence import Waiver
from trust.keys import local_policy
from trust.policy import TrustPolicy, load_policy
from trust.trees.tree_check import Part
from trust.trees.tree_manifest import ROOT


@click.command("verify")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Another policy folder than the project's, for instance your site's.",
)
@click.option(
    "--rebuild",
    "again",
    is_flag=True,
    help="PATH is the name of a recipe: build it again in a clean state and compare the bytes.",
)
@click.option("--path", "part", help="Of a tree: only what is at this path in it, and below.")
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    help="Of a tree: look into so many of its files, and at everything else from outside.",
)
@click.option("--seed", help="Which files a sample takes; another one each time if not given.")
@click.option("--full", is_flag=True, help="Of a tree: read every byte, on a mount of CVMFS too.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def verify(
    context: Context,
    *,
    path: Path,
    policy: Path | None,
    again: bool,
    part: str | None,
    sample: int | None,
    seed: str | None,
    full: bool,
    as_json: bool,
) -> None:
    """Say who signed an image or a tree, when and under which policy; refuse anything altered (exit 3).

    PATH is a .sif file with its statement beside it, or the folder of a published version, on
    a read-only mount as well. A tree on a mount of CVMFS is compared by the content hashes that the
    client shows, without being read. With --rebuild it is the name of a recipe: its image is built again
    from its lock, bases included, and must be what was built or published before, byte for byte.

    Example: pansoft verify /cvmfs/software.pansoft.local/images/hdf5-tools/1.10.8
    """
    if again:
        if policy is not None:
            raise UserError("--rebuild asks no policy", hint="leave --policy out")
        _rebuild(context, str(path), as_json=as_json)
        return
    trusted = load_policy(policy or context.policy, local=local_policy(context.state))
    at = clock.now()
    waived = consent_in(policy or context.policy, trusted, at=at).waivers
    wanted = Part(part or ROOT, sample, seed or secrets.token_hex(8))
    try:
        if trees.is_tree(path):
            verified = trees.verify(
                path, policy=trusted, at=at, part=wanted, full=full, waivers=waived
            )
            told = _of_tree(verified, wanted, as_json=as_json)
        elif part is not None or sample is not None:
            raise UserError(f"{path} holds no tree: --path and --sample are for trees")
        else:
            told = _of_image(path, trusted, waived, at, as_json=as_json)
    except Refused as err:
        if as_json:
            click.echo(readable_json({"accepted": False, "reason": err.message}), nl=False)
        raise
    click.echo(told, nl=False)


def _of_image(
    path: Path, policy: TrustPolicy, waivers: tuple[Waiver, ...], at: datetime, *, as_json: bool
) -> str:
    _, report = signing.verify(
        path, policy=policy, at=at, witnessed=witness.witnessed(path), waivers=waivers
    )
    return readable_json(signing.as_json(report)) if as_json else f"{signing.text(report)}\n"


def _of_tree(verified: trees.Verified, part: Part, *, as_json: bool) -> str:
    if as_json:
        return readable_json({**trees.as_json(verified), "seed": part.seed})
    seed = f"sample     seed {part.seed}\n" if part.sample is not None else ""
    return f"{trees.text(verified)}\n{seed}"


def _rebuild(context: Context, name: str, *, as_json: bool) -> None:
    (recipe,) = workspace.recipes_named(context, [name])
    plan = workspace.plan_of(context, recipe)
    done = rebuild.rebuild(
        recipe,
        plan,
        workspace.state_of(context),
        user=workspace.builder_of(context),
        console=context.console,
        at=clock.now(),
    )
    if as_json:
        click.echo(readable_json(_json(done)), nl=False)
    elif done.is_same:
        click.echo(f"{recipe.name} {recipe.version}: built again from its lock, the same bytes")
        click.echo(f"sha256     {done.sha256}")
        click.echo(f"compared   with what is {' and '.join(done.known)}")
        if done.same_bills is False:
            click.echo("bills      differ: this version of pansoft writes them in another way")
    elif done.difference is not None:
        click.echo(difference.text(done.difference))
    if not done.is_same:
        was = ", ".join(f"{where} {sha256}" for where, sha256 in done.known.items())
        raise Refused(
            f"{recipe.name} {recipe.version} comes out with other bytes: {was}, now {done.sha256}",
            hint="the difference is above; a time, a random number or an unsorted list in the "
            "recipe's script is the usual cause"
            if done.difference
            else f"see where: pansoft build {name}, then pansoft diff with the published image",
        )


def _json(done: Rebuilt) -> dict[str, object]:
    return {
        "name": done.plan.name,
        "version": done.plan.version,
        "plan": done.plan.id,
        "same": done.is_same,
        "known": dict(done.known),
        "sha256": done.sha256,
        "same_bills": done.same_bills,
        "difference": difference.as_json(done.difference) if done.difference else None,
    }
