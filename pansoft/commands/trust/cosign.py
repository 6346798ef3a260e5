# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust cosign`: stand behind what somebody else has signed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from core.canonical import readable_json
from core.errors import UserError
from pansoft import clock, cosigning
from pansoft.context import Context
from pansoft.signing_keys import KeyChoice, key_of, key_options
from trust.keys import local_policy
from trust.keys.token import TokenKey
from trust.policy import load_policy
from trust.signing import x509_chain

_FILE = click.Path(dir_okay=False, exists=True, path_type=Path)


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@key_options
@click.option(
    "--certificate",
    type=_FILE,
    help="Sign as the holder of this X.509 certificate (PEM, with those up to the authority's).",
)
@click.option(
    "--private-key",
    type=_FILE,
    help="The certificate's key in PEM; without it, the key of the token that --key names.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="The folder to write the signature to, for an image on a mount.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def cosign(
    context: Context,
    *,
    path: Path,
    key_choice: KeyChoice,
    certificate: Path | None,
    private_key: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Sign what somebody else has signed, once it is verified and the policy has nothing against it.

    PATH is a signed image or its folder. Where the policy wants the signatures of two facilities, the
    second one does this before the image is published; the new file goes along with it.

    A facility with an X.509 authority signs with --certificate. That signature, too, lies beside the
    image: Apptainer refuses an image that carries both kinds.

    Example: pansoft trust cosign gemmi.sif --key ill-2026
    """
    at = clock.now()
    policy = load_policy(context.policy, local=local_policy(context.state))
    told: dict[str, Any] = {"policy": policy, "at": at, "folder": output}
    if certificate is None:
        key = key_of(context, key_choice, at=at)
        who, file = key.facts.name, cosigning.cosign(path, key=key, **told)
    else:
        chain = certificate.read_bytes()
        who, _ = x509_chain.subject_of(chain)
        sign = _sign_with(context, key_choice, private_key, chain=chain, at=at)
        file = cosigning.cosign_certified(path, chain=chain, sign=sign, **told)
    if as_json:
        click.echo(readable_json({"signature": str(file), "signer": who}), nl=False)
    else:
        click.echo(f"{path} is signed by {who} as well: {file}")


def _sign_with(
    context: Context, choice: KeyChoice, private_key: Path | None, *, chain: bytes, at: datetime
) -> Callable[[bytes], bytes]:
    """Return what signs with the key of a certificate: a PEM file, or a token that has a name here."""
    if private_key is not None:
        return partial(
            x509_chain.sign_with_file,
            chain=chain,
            key=private_key,
            passphrase_file=choice.secret_file,
        )
    key = key_of(context, choice, at=at)
    if not isinstance(key, TokenKey):
        raise UserError(
            f"the key '{choice.name}' is not in a token",
            hint="--private-key FILE names the key of the certificate",
        )
    return partial(x509_chain.sign_with_token, chain=chain, key=key)
