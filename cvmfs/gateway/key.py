# SPDX-License-Identifier: BSD-3-Clause
"""The key of a publisher: a name and a secret that the gateway knows as well (gateway_util.cc).

The file is the genuine one, `/etc/cvmfs/keys/<fqrn>.gw`: one line, `plain_text NAME SECRET`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UserError
from cvmfs.errors import NotFound

VARIABLE = "PANSOFT_GATEWAY_KEY"
"""The environment variable that may hold the same line, for jobs that have no files."""

_OTHERS = 0o077
_PARTS = 3
_FORM = "one line, `plain_text NAME SECRET`"


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A name and its secret, which is never printed."""

    name: str
    secret: str = field(repr=False)


def load_gateway_key(file: Path) -> GatewayKey:
    """Return the key in the environment, else that in a file.

    Raises:
        NotFound: there is neither.
        UserError: others may read the file, or it is not of the form.
    """
    given = os.environ.get(VARIABLE)
    if given is not None:
        return _parsed(given, where=f"the variable {VARIABLE}")
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as err:
        raise NotFound(
            f"the gateway's key {file} is missing",
            hint=f"ask who runs the gateway for a key: {_FORM}; or give the line in {VARIABLE}",
        ) from err
    except OSError as err:
        raise UserError(f"cannot read the gateway's key {file}: {err.strerror}") from err
    if mode & _OTHERS:
        raise UserError(
            f"the gateway's key {file} may be read by others", hint=f"close it: chmod 600 {file}"
        )
    return _parsed(text, where=str(file))


def _parsed(text: str, *, where: str) -> GatewayKey:
    parts = text.split()
    if len(parts) != _PARTS or parts[0] != "plain_text":
        raise UserError(f"{where} is not the key of a gateway", hint=f"it is {_FORM}")
    return GatewayKey(parts[1], parts[2])
