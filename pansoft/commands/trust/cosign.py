# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust cosign`: stand behind what somebody else has signed."""

from __future__ import annotations

from pathlib import Path

import click

from core.canonical import readable_json
from pansoft import clock, cosigning
from pansoft.context import Context
from pansoft.signing_keys import KeyChoice, key_of, key_options
from trust.keys import local_policy
from trust.policy import load_policy


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@key_options
@click.option(
    "--output",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="The folder to write the signature to, for an image on a mount.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def cosign(
    context: Context, *, path: Path, key_choice: KeyChoice, output: Path | None, as_json: bool
) -> None:
    """Sign what somebody else has signed, once it is verified and the policy has nothing against it.

    PATH is a signed image or its folder. Where the policy wants the signatures of two facilities, the
    second one does this before the image is published; the new file goes along with it.

    Example: pansoft trust cosign gemmi.sif --key ill-2026
    """
    at = clock.now()
    policy = load_policy(context.policy, local=local_policy(context.state))
    key = key_of(context, key_choice, at=at)
    file = cosigning.cosign(path, policy=policy, key=key, at=at, folder=output)
    if as_json:
        click.echo(
            readable_json({"signature": str(file), "fingerprint": key.fingerprint}), nl=False
        )
    else:
        click.echo(f"{path} is signed by {key.facts.name} as well: {file}")
