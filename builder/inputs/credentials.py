# SPDX-License-Identifier: BSD-3-Clause
"""What this user logs in to a registry with, as `docker login` or `apptainer registry login` left it.

The format is that of Docker's `config.json`: `auths`, by host, with `auth`, the base64 of
`user:password`. Logins that a credential helper keeps are not read. A secret has no text form, and
is never written anywhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UserError


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password."""

    user: str
    password: str = field(repr=False)


def login_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files in which logins are looked for, the first that knows a host counts."""
    home = Path(environment.get("HOME") or "/nonexistent")
    docker = environment.get("DOCKER_CONFIG")
    return (
        Path(docker) / "config.json" if docker else home / ".docker" / "config.json",
        home / ".apptainer" / "docker-config.json",
    )


def login_for(host: str, files: Sequence[Path]) -> Login | None:
    """Return the login for a registry, or None where no file has one.

    Raises:
        UserError: a file cannot be read.
    """
    for file in files:
        try:
            data = json.loads(file.read_bytes())
            auths = data.get("auths") or {}
            entries = [auths[key] for key in (host, f"https://{host}", f"https://{host}/v1/")
                       if key in auths]  # fmt: skip
            login = _login(entries[0]) if entries else None
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as err:
            raise UserError(f"{file} cannot be read: {err.strerror}") from err
        except (ValueError, TypeError, AttributeError, KeyError):
            # not the text of the exception: it may hold what is in the file
            raise UserError(
                f"{file} is no file of registry logins",
                hint=f"log in again: docker login {host}, or apptainer registry login docker://{host}",
            ) from None
        if login is not None:
            return login
    return None


def _login(entry: Mapping[str, str]) -> Login | None:
    if entry.get("username"):
        return Login(entry["username"], entry.get("password", ""))
    if not entry.get("auth"):
        return None
    user, colon, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
    return Login(user, password) if colon else None
