# SPDX-License-Identifier: BSD-3-Clause
"""A person signs a content: shown first, then signed by a PGP key or by a token made for it.

The first who signs fixes the content; whoever comes later signs what stands there, or is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from builder.state import State
from core.canonical import Json
from core.errors import Refused, UserError
from core.files import write_atomic
from core.problems import Position
from core.schema import Schema
from pansoft import identity
from pansoft.context import Context
from trust.consent import documents, voices
from trust.consent.documents import Signature
from trust.consent.voices import Voice
from trust.identity import issuers, keysets, secrets, snapshots, tokens, verification
from trust.identity.tokens import Token
from trust.keys import SigningKey, open_named
from trust.policy import TrustPolicy
from trust.policy.issuers import Issuer


@dataclass(frozen=True, slots=True)
class SignerChoice:
    """Who signs, as the command line says it: a key by its name, or a token in a file."""

    key: str | None = None
    passphrase_file: Path | None = None
    identity_file: Path | None = None
    expect: str | None = None


def signer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say who signs to a click command, which is given one `who`."""
    options = (
        click.option("--key", help="Sign with this PGP key of the state folder."),
        click.option(
            "--passphrase-file",
            type=click.Path(dir_okay=False, exists=True, path_type=Path),
            help="A file with the key's passphrase or its token's PIN, which nobody else can read.",
        ),
        click.option(
            "--identity-file",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Sign with the token in this file, which nobody else can read; by default with the "
            "one in the variable that the policy names.",
        ),
        click.option(
            "--expect",
            metavar="SHA256",
            help="Sign only if the content has this sha256: what you were shown before.",
        ),
    )

    @functools.wraps(command)
    def chosen(*args: Any, **given: Any) -> Any:
        names = ("key", "passphrase_file", "identity_file", "expect")
        return command(*args, who=SignerChoice(*(given.pop(name) for name in names)), **given)

    decorated: Callable[..., Any] = chosen
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def settle(
    file: Path, schema: Schema, content: Mapping[str, Any], *, fresh: bool = False
) -> Mapping[str, Any]:
    """Return the content that a file has, written with this one where there is no file yet.

    Args:
        file: the file.
        schema: of its content.
        content: what the caller would sign.
        fresh: whether a file that is there is written anew.

    Raises:
        Refused: the file has another content; it says which fields differ.
    """
    if fresh or not file.exists():
        documents.write(file, content, [])
        return content
    there = documents.read(file, schema).content
    differing = sorted(name for name in {*there, *content} if there.get(name) != content.get(name))
    if differing:
        raise Refused(
            f"{file} is there with another {', '.join(differing)}; the first who signed fixed it",
            hint="sign it as it stands, without saying it again; or remove the file and begin anew",
        )
    return there


def sign(
    context: Context,
    policy: TrustPolicy,
    file: Path,
    schema: Schema,
    who: SignerChoice,
    *,
    at: datetime,
    role: str | None = None,
) -> Voice | None:
    """Add a signature to a file, or do nothing where nobody was named to sign.

    Somebody who has signed already does not sign twice. `role` is one that they must have.

    Raises:
        Refused: the policy does not know whoever signs, or their token is for something else.
        UserError: the key or the token cannot be read.
    """
    signed = documents.read(file, schema)
    if who.expect is not None and who.expect != signed.id:
        raise Refused(
            f"{file} has the sha256 {signed.id}, which is not what you were shown",
            hint="look at it again; somebody has changed it",
        )
    signature = _signature(context, policy, signed.content, who, at=at)
    if signature is None:
        return None
    entry = Signature(where=Position(file), **signature)
    voice = voices.hear_one(signed.content, entry, policy, what=file.name)
    if role is not None and role not in voice.roles:
        raise Refused(f"{voice.name} has {', '.join(voice.roles)}, not {role}")
    heard, _ = voices.hear(signed, policy, at=at)
    if voice.name not in {each.name for each in heard}:
        documents.write(file, signed.content, [*documents.entries(signed), signature])
    return voice


def how(policy: TrustPolicy, content: Mapping[str, Any]) -> str:
    """Return in words how a content can be signed."""
    sha256 = documents.digest(content)
    ways = ["with a PGP key: --key NAME"]
    for issuer in policy.people.issuers:
        ways.append(
            f"with a token of {issuer.name} in --identity-file: of the audience "
            f"{voices.binding(issuer, sha256)}, or by a login with the nonce {sha256}"
        )
    return "\n".join(ways)


def voice_json(voice: Voice) -> dict[str, Json]:
    """Return somebody who signed as JSON."""
    return {"name": voice.name, "facility": voice.facility, "by": voice.by}


def _signature(
    context: Context,
    policy: TrustPolicy,
    content: Mapping[str, Any],
    who: SignerChoice,
    *,
    at: datetime,
) -> dict[str, str] | None:
    if who.key is not None:
        if who.identity_file is not None:
            raise UserError("a key and a token are two signatures", hint="give one of them")
        key = open_named(context.state, who.key, at=at, secret_file=who.passphrase_file)
        return _by_key(key, content)
    variable = policy.people.token_variable
    token = secrets.read_token(
        who.identity_file, variable=variable, environment=identity.environment()
    )
    return _by_token(context, policy, content, token, at=at) if token else None


def _by_key(key: SigningKey, content: Mapping[str, Any]) -> dict[str, str]:
    signature = key.sign_detached(documents.payload(content), what=f"the {content['kind']}")
    return {"kind": "pgp", "signature": signature.decode("ascii")}


def _by_token(
    context: Context, policy: TrustPolicy, content: Mapping[str, Any], token: Token, *, at: datetime
) -> dict[str, str]:
    """Return a token as a signature: believed now, by what its issuer shows now, and reviewed with it."""
    issuer = verification.named_issuer(token, policy.people)
    cache = identity.cache_of(State(context.state)) / f"{issuer.name}.json"
    keys = issuers.keys_of(issuer.url, kid=tokens.key_id(token), cache=cache, at=at)
    claims = tokens.open_token(token, keys, issuer=issuer.url, audience=None)
    voices.check_binding(issuer, claims, documents.digest(content))
    tokens.check_time(claims, at=at)
    review(issuer, keys, at=at)
    return {"kind": "oidc", "issuer": issuer.name, "token": token.text}


def review(issuer: Issuer, keys: keysets.KeySet, *, at: datetime) -> tuple[str, ...]:
    """Write what an issuer shows into its file of reviewed keys; return what is new, in words.

    Raises:
        Refused: the issuer gives an old name to a new key.
    """
    file = issuer.keys_file
    before = snapshots.read(file, issuer=issuer.url) if file.exists() else None
    after = snapshots.updated(before, issuer.url, keys, at=at)
    told = snapshots.changes(before, after)
    if told or before is None:
        write_atomic(file, snapshots.text(after))
    return told
