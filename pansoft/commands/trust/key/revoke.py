# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust key revoke`: a key that is lost signs nothing more."""

from __future__ import annotations

from pathlib import Path

import click

from core.canonical import Json, readable_json
from core.errors import UserError
from pansoft import clock
from pansoft.context import Context
from pansoft.signing_keys import policy_file_of
from trust.keys import life, signer_entry
from trust.keys.folder import revocation_file
from trust.keys.opening import named_folder
from trust.keys.proposal import quoted
from trust.policy import day_of

_FILE = click.Path(dir_okay=False, exists=True, path_type=Path)


@click.command()
@click.argument("name")
@click.option("--why", required=True, help="What happened; every refusal will say it.")
@click.option(
    "--accept-before",
    metavar="DAY",
    help="What the repository published before this day stays accepted; without it nothing does.",
)
@click.option(
    "--certificate",
    type=_FILE,
    help="The certificate that revokes the key; by default the one made with the key.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def revoke(
    context: Context,
    *,
    name: str,
    why: str,
    accept_before: str | None,
    certificate: Path | None,
    as_json: bool,
) -> None:
    """Write the revoked form of a key into the trust policy, and show the lines that remove its signer.

    The private key is not needed, only the certificate. The public key stays as it was beside the
    revoked one: with a revoked key, gpg and Apptainer verify nothing, what is still accepted included.

    Example: pansoft trust key revoke esrf-2026 --why "the card was stolen" --accept-before 2026-11-20
    """
    if accept_before is not None and day_of(accept_before) is None:
        raise UserError(f"'{accept_before}' is not a day", hint="like --accept-before 2026-11-20")
    public = policy_file_of(context, name)
    output = public.with_name(f"{public.stem}.revoked.asc")
    used = certificate or revocation_file(named_folder(context.state, name))
    facts = life.revoke(public, used, output=output)
    told = {"on": quoted(f"{clock.now():%Y-%m-%d}"), "why": quoted(why)}
    if accept_before is not None:
        told["accept_before"] = quoted(accept_before)
    removed = "{" + ", ".join(f"{field}: {text}" for field, text in told.items()) + "}"
    more = {"removed": removed, "revoked_key": f"keys/{output.name}"}
    entry = signer_entry(facts.name, facts.fingerprint, public.name, more=more)
    if as_json:
        answer: dict[str, Json] = {
            "fingerprint": facts.fingerprint,
            "revoked_key": str(output),
            "entry": entry,
        }
        click.echo(readable_json(answer), nl=False)
        return
    click.echo(f"revoked     {facts.fingerprint}")
    click.echo(f"public key  {output}")
    context.console.say(
        f"it signs nothing new once trust-policy/policy.yaml says so; propose there:\n{entry}"
    )
