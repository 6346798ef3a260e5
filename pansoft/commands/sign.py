# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft sign`: put a signature under what the policy accepts."""

from __future__ import annotations

from datetime import datetime

import click

from builder import sign as signing
from builder.evidence.gather import build_facts, gather
from builder.executors.executor import named
from builder.images.built import built
from builder.images.plan import BuildPlan
from builder.recipes.recipe import Recipe
from builder.stages import SignedImage
from builder.state import State
from builder.testing.run import known_report
from core.canonical import Json, readable_json
from core.errors import UserError
from core.events import Stage
from core.files import identity_of
from pansoft import clock, target, workspace
from pansoft.consent import Consent, consent_in, tell
from pansoft.context import Context
from pansoft.provenance import provenance_of
from pansoft.signing_keys import KeyChoice, key_of, key_options
from trust.evidence import Purpose
from trust.keys import SigningKey, local_policy
from trust.policy import TrustPolicy, load_policy


@click.command("sign")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@key_options
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def sign(
    context: Context,
    *,
    names: tuple[str, ...],
    key_choice: KeyChoice,
    as_json: bool,
) -> None:
    """Sign built and tested images; what the policy refuses is not signed (exit 3).

    Signing what is signed already, and still accepted, does nothing.

    The key is one of this state folder: its secret lies there, in a gpg agent or in a token.

    Example: pansoft sign hdf5-tools
    """
    policy = load_policy(context.policy, local=local_policy(context.state))
    at = clock.now()
    key = key_of(context, key_choice, at=at)
    recipes = workspace.recipes_named(context, names)
    consent = consent_in(context.policy, policy, at=at, recipes=recipes)
    tell(consent, context.console)
    rows: list[Json] = []
    for recipe in recipes:
        plan = workspace.plan_of(context, recipe)
        with context.events.stage(Stage.SIGN, *named(plan)) as note:
            folder = State(context.state).signed(plan.id)
            before = identity_of(folder)
            signed = _sign(context, recipe, plan, policy=policy, key=key, consent=consent, at=at)
            note.reused(before is not None and identity_of(folder) == before)
        rows.append({"name": recipe.name, "path": str(signed.path), "sha256": signed.sha256})
        if not as_json:
            click.echo(
                f"{recipe.name} {signed.image.version} signed by {signed.signer_name}: {signed.path}"
            )
    if as_json:
        click.echo(readable_json(rows), nl=False)


def _sign(
    context: Context,
    recipe: Recipe,
    plan: BuildPlan,
    *,
    policy: TrustPolicy,
    key: SigningKey,
    consent: Consent,
    at: datetime,
) -> SignedImage:
    state = State(context.state)
    done = built(plan, state)
    if done is None:
        raise UserError(
            f"{recipe.name} {recipe.version} is not built as its recipe and lock are now",
            hint=f"pansoft build {recipe.name}",
        )
    provenance = provenance_of(context, recipe, plan, done)
    evidence = gather(
        recipe,
        purpose=Purpose.SIGN,
        facts=build_facts(plan, done.findings),
        expected_plan=plan.id,
        image=done.image,
        findings=done.findings,
        provenance=provenance.facts,
        report=known_report(recipe, done.image, state),
        repository=target.fqrn(state),
        bases=[base.name for base in reversed(plan.base.layers)],
    )
    return signing.sign(
        done.image,
        evidence=consent.about(evidence),
        policy=policy,
        key=key,
        folder=state.signed(plan.id),
        at=at,
        provenance=provenance,
        journal=state.decisions,
    )
