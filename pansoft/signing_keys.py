# SPDX-License-Identifier: BSD-3-Clause
"""Which key signs, as the command line says it: the options of every verb that signs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from pansoft.context import Context
from trust.keys import LOCAL_NAME, SigningKey, local_key, open_named


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """The name of a key, and the file with its passphrase or PIN where one was named."""

    name: str = LOCAL_NAME
    secret_file: Path | None = None


def key_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which key signs to a click command, which is given one `key_choice`."""
    options = (
        click.option(
            "--key",
            "key_name",
            default=LOCAL_NAME,
            show_default=True,
            help="The key's name, from 'pansoft trust keygen' or 'pansoft trust key add'.",
        ),
        click.option(
            "--passphrase-file",
            type=click.Path(dir_okay=False, exists=True, path_type=Path),
            help="A file with the key's passphrase or its token's PIN, which nobody else can read.",
        ),
    )

    @functools.wraps(command)
    def chosen(*args: Any, **given: Any) -> Any:
        choice = KeyChoice(given.pop("key_name"), given.pop("passphrase_file"))
        return command(*args, key_choice=choice, **given)

    decorated: Callable[..., Any] = chosen
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def key_of(
    context: Context, choice: KeyChoice, *, at: datetime, make_local: bool = False
) -> SigningKey:
    """Return the key that signs.

    Args:
        context: the project and its state.
        choice: which one.
        at: now.
        make_local: whether the local key is made where it is missing.

    Raises:
        UserError: there is no such key, or it is open to others.
    """
    if make_local and choice.name == LOCAL_NAME:
        return local_key(context.state)
    return open_named(context.state, choice.name, at=at, secret_file=choice.secret_file)


def policy_file_of(context: Context, name: str) -> Path:
    """Return where the project's trust policy keeps the public half of the key of this name."""
    return context.policy / "keys" / f"{name}.asc"
