# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust status`: the policy in force, and whose signatures count."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from builder.state import State
from core.canonical import Json, readable_json
from core.errors import EXIT_DONE, EXIT_REFUSED
from pansoft import clock, federation_status, people_status, whitelist_status
from pansoft.context import Context
from pansoft.federation import WARN_DAYS
from pansoft.key_warnings import signer_warnings
from trust import keys
from trust.codec import to_json
from trust.policy import Origin, Removed, Signer, TrustPolicy, load_policy
from trust.programs.gnupg import read_key
from trust.rules import RULES


@click.command()
@click.option(
    "--warn-days",
    type=click.IntRange(0, 400),
    default=WARN_DAYS,
    show_default=True,
    help="How long before a key, the whitelist or something of the federation ends there is an alarm.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def status(context: Context, *, warn_days: int, as_json: bool) -> int:
    """Show the policy in force, whose signatures count today, and how whitelist and federation stand.

    Exit 3 where there is an alarm about a key, the whitelist or the federation.

    Example: pansoft trust status --warn-days 90
    """
    policy = load_policy(context.policy, local=keys.local_policy(context.state))
    at = clock.now()
    rows = [_signer_row(signer, at) for signer in policy.signers]
    within = timedelta(days=warn_days)
    warnings = list(signer_warnings(policy, at=at, within=within))
    people = people_status.look(context.policy, policy, at=at)
    whitelist = whitelist_status.look(State(context.state), at=at, within=within)
    stands = federation_status.look(context, at=at, warn_days=warn_days)
    if as_json:
        answer: dict[str, Json] = {
            "policy": {"version": policy.version, "sha256": policy.sha256},
            "signers": list(rows),
            "warnings": list(warnings),
            **people_status.as_json(people),
            "whitelist": whitelist_status.as_json(whitelist) if whitelist else None,
            "federation": federation_status.as_json(stands) if stands else None,
        }
        click.echo(readable_json(answer), nl=False)
    else:
        click.echo(_status_text(policy, rows))
        for line in people_status.lines(people):
            click.echo(line)
        for warning in warnings:
            click.echo(f"ALARM: {warning}")
        for line in whitelist_status.lines(whitelist) if whitelist else ():
            click.echo(line)
        for line in federation_status.lines(stands) if stands else ():
            click.echo(line)
    is_alarm = warnings or (whitelist and whitelist.alarm) or (stands and stands.alarms)
    return EXIT_REFUSED if is_alarm else EXIT_DONE


def _signer_row(signer: Signer, at: datetime) -> dict[str, Json]:
    key = read_key(signer.key_file)
    if key.fingerprint != signer.fingerprint:
        counts = f"no: {signer.key_file.name} is another key"
    elif signer.disabled is not None:
        counts = f"no: disabled, {signer.disabled}"
    elif signer.removed is not None:
        counts = f"for nothing new: {_removal(signer.removed)}"
    elif key.revoked:
        counts = "no: revoked"
    elif key.expires is not None and key.expires <= at:
        counts = f"no: expired on {key.expires:%Y-%m-%d}"
    elif not signer.is_current(at):
        counts = "no: not in its days"
    elif signer.origin is Origin.LOCAL:
        counts = "for local repositories, in this state folder only"
    else:
        counts = "yes"
    return {
        "name": signer.name,
        "fingerprint": signer.fingerprint,
        "packages": list(signer.packages),
        "origin": str(signer.origin),
        "expires": to_json(key.expires),
        "counts": counts,
    }


def _removal(removed: Removed) -> str:
    before = removed.accept_before
    kept = f"what was published before {before} stays" if before else "nothing stays accepted"
    return f"removed since {removed.on}, {removed.why}; {kept}"


def _status_text(policy: TrustPolicy, rows: list[dict[str, Json]]) -> str:
    lines = [f"policy version {policy.version}, sha256 {policy.sha256}, {len(RULES)} rules"]
    if not rows:
        lines.append(
            "nobody's signature counts yet; for this machine: pansoft trust keygen --local"
        )
    for row in rows:
        until = f", expires {str(row['expires'])[:10]}" if row["expires"] else ""
        lines.append(f"  {row['name']}  {row['fingerprint']}{until}")
        lines.append(f"    counts: {row['counts']}")
    return "\n".join(lines)
