# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust issuer`: the reviewed keys of an issuer, and what it shows today."""

from __future__ import annotations

import click

from core.canonical import Json, readable_json
from core.errors import UserError
from pansoft import clock, signing_consent
from pansoft.context import Context
from trust.identity import issuers, keysets, snapshots
from trust.identity.snapshots import Snapshot
from trust.policy import load_policy
from trust.policy.issuers import Issuer


@click.command()
@click.argument("name")
@click.option(
    "--update",
    is_flag=True,
    help="Ask the issuer, and write the keys that it shows into the policy.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def issuer(context: Context, *, name: str, update: bool, as_json: bool) -> None:
    """Show the keys of an issuer of the policy as they were reviewed, with their days.

    An issuer rotates its keys. What was signed by a token of an old one is verified by the keys that
    stand in the policy, so they are taken over here and reviewed in a merge request.

    Example: pansoft trust issuer gitlab
    """
    people, at = load_policy(context.policy).people, clock.now()
    known = people.issuer(name)
    if known is None:
        names = ", ".join(each.name for each in people.issuers) or "none"
        raise UserError(f"the policy has no issuer '{name}'", hint=f"it has: {names}")
    told: tuple[str, ...] = ()
    if update:
        kept = issuers.fetch(known.url, at=at)
        shown = keysets.parse(kept.keys.encode(), what=f"what {known.url} publishes")
        told = signing_consent.review(known, shown, at=at)
        context.console.say("\n".join(told) or "nothing new")
    snapshot = snapshots.read(known.keys_file, issuer=known.url)
    answer = _json(known, snapshot, told)
    click.echo(readable_json(answer) if as_json else _text(known, snapshot), nl=not as_json)


def _json(known: Issuer, snapshot: Snapshot, told: tuple[str, ...]) -> dict[str, Json]:
    keys: list[Json] = [
        {
            "kid": each.key.kid,
            "first_seen": each.first_seen.isoformat(),
            "gone": each.gone.isoformat() if each.gone else None,
        }
        for each in snapshot.keys
    ]
    return {
        "name": known.name,
        "url": known.url,
        "file": str(known.keys_file),
        "keys": keys,
        "changes": list[Json](told),
    }


def _text(known: Issuer, snapshot: Snapshot) -> str:
    lines = [f"{known.name}  {known.url}"]
    for each in snapshot.keys:
        until = f"until {each.gone}" if each.gone else "still there"
        lines.append(f"  {each.key.kid}  from {each.first_seen}, {until}")
    return "\n".join(lines)
