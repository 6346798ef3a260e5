# SPDX-License-Identifier: BSD-3-Clause
"""What is told of the preview of a merge request: its name, where it is, its key, and how to try it.

It is told by the pipeline of a merge request, which runs what somebody wants to be merged. Whoever tells it
on reads it as a stranger's word: each value has a form, and the address is the facility's own or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from builder.recipes.recipe import Install, Recipe, Redistribution
from catalog import codec
from core.canonical import readable_json
from core.errors import UserError
from core.harmless import harmless
from pansoft import embedded

FILE = "preview.json"
VARIABLES = "preview.env"
SCHEMA = 1
MOST_PACKAGES = 20
"""How many packages a preview has: a change of a base rebuilds hundreds, and nobody tries them all."""
MOST_NUMBER = 999_999_999
"""The highest number of a merge request that a name of a preview can have."""
MOST_DAYS = 30
"""How many days a preview may be good for."""
DAYS = 3
"""How many days it is where nobody says otherwise."""
DAYS_VARIABLE = "PANSOFT_PREVIEW_DAYS"
"""The variable in which somebody says otherwise."""
ADDRESS_VARIABLE = "PANSOFT_PREVIEW_URL"
"""The variable that says where a web server gives out the folder of previews."""

_MOST_BYTES = 1 << 20
_MOST_COMMANDS = 200
_SHOWN = 12
_LONGEST = 500
_NUMBER = r"mr-(?P<number>[1-9][0-9]{0,8})"
_FQRN = re.compile(rf"{_NUMBER}\.preview\.{re.escape(embedded.FQRN)}")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*")
_LONGEST_ADDRESS = 300
_KEY = re.compile(
    r"-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=]{1,64}\n){1,20}-----END PUBLIC KEY-----\n"
)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}")


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview that was published.

    `url` is where clients find it; None where it lies among the artifacts of a job, which `link` downloads.
    `public_key` is what a client has to trust, in PEM; `expires` is when clients refuse it, in UTC as RFC
    3339 has it; `packages` are the names and `commands` what can be run.
    """

    fqrn: str
    url: str | None
    link: str | None
    public_key: str
    expires: str
    packages: tuple[str, ...]
    commands: tuple[str, ...] = ()


def is_previewable(recipe: Recipe) -> bool:
    """Return whether everybody may be given the package of a recipe, and it is built here."""
    is_built = recipe.install is Install.PUBLISHER and recipe.retire is None
    return is_built and recipe.license.redistribution is Redistribution.ALLOWED


def name_of(number: int) -> str:
    """Return the name of the repository of a merge request's preview.

    It ends in `.local` like the embedded one, so the trust policy takes it for nobody else's.
    """
    return f"mr-{number}.preview.{embedded.FQRN}"


def number_in(fqrn: str) -> int | None:
    """Return the merge request whose preview has this name; None where it is no preview's."""
    found = _FQRN.fullmatch(fqrn)
    return int(found["number"]) if found else None


def address_of(base: str, number: int) -> str:
    """Return where clients find the preview of a merge request.

    Args:
        base: where a web server gives out the folder of previews.
        number: of the merge request.

    Raises:
        UserError: that is no address.
    """
    address = f"{base.rstrip('/')}/{name_of(number)}"
    if not _is_address(address):
        raise UserError(
            f"{base!r} is not the address of a folder on a web server",
            hint=f"{ADDRESS_VARIABLE} is like http://preview.example.org/cvmfs",
        )
    return address


def told_commands(names: Iterable[str]) -> tuple[str, ...]:
    """Return those names of commands that may be told: not a strange one, and not too many."""
    return tuple(name for name in names if _NAME.fullmatch(name))[:_MOST_COMMANDS]


def as_bytes(preview: Preview) -> bytes:
    """Return the content of `preview.json`, schema 1."""
    return readable_json(codec.to_json(_File(SCHEMA, preview))).encode()


def variables(preview: Preview, *, page: str | None) -> str:
    """Return the variables for GitLab's environment: its address, or the page of the artifacts."""
    address = preview.url or page
    values = {
        "PREVIEW_URL": address or "",
        "PREVIEW_NAME": preview.fqrn,
        "PREVIEW_EXPIRES": preview.expires,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def read(folder: Path) -> Preview | None:
    """Return the preview that a job left in a folder; None where it left none.

    Raises:
        UserError: the file is not what `pansoft ci preview` writes.
    """
    file = folder / FILE
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise _unreadable(file, str(err.strerror)) from err
    try:
        found = codec.from_json(_File, codec.parse_json(content))
    except codec.Malformed as err:
        raise _unreadable(file, str(err)) from err
    if found.schema != SCHEMA:
        raise _unreadable(file, f"its schema is {found.schema}, this program reads {SCHEMA}")
    if wrong := next(faults(found.preview), None):
        raise _unreadable(file, wrong)
    return found.preview


def faults(preview: Preview) -> Iterator[str]:
    """Yield what is wrong with what somebody says of a preview: a reader pastes it into a shell."""
    if number_in(preview.fqrn) is None:
        yield f"{preview.fqrn[:80]!r} is not the name of a preview"
    if preview.url is not None and not _is_address(preview.url):
        yield f"{preview.url[:80]!r} is not the address of a preview"
    if not _KEY.fullmatch(preview.public_key):
        yield "its key is not a public key in PEM"
    if not _TIME.fullmatch(preview.expires):
        yield f"{preview.expires[:80]!r} is not a time"
    if not preview.packages or len(preview.packages) > MOST_PACKAGES:
        yield f"it has {len(preview.packages)} packages, not 1 to {MOST_PACKAGES}"
    if len(preview.commands) > _MOST_COMMANDS:
        yield f"it has {len(preview.commands)} commands, more than {_MOST_COMMANDS}"
    for name in (*preview.packages, *preview.commands):
        if not _NAME.fullmatch(name):
            yield f"{name[:80]!r} is no name of a package or a command"


def believed(
    preview: Preview | None, number: int, *, base: str | None, server: str
) -> Preview | None:
    """Return what may be told on of a preview: its name and address have to be those of its merge request.

    Args:
        preview: what the pipeline of the merge request says.
        number: of that merge request, as GitLab says.
        base: where a web server gives out the folder of previews, as the facility says.
        server: the address of GitLab, to which a link may lead.
    """
    if preview is None or preview.fqrn != name_of(number):
        return None
    if preview.url is not None:
        is_ours = base is not None and preview.url == address_of(base, number)
        return replace(preview, link=None) if is_ours else None
    is_ours = (preview.link or "").startswith(f"{server.rstrip('/')}/")
    return preview if is_ours else None


def to_mount(preview: Preview) -> str:
    """Return the lines of a shell that mount a preview and show where its commands are."""
    name, key = preview.fqrn, f"{preview.fqrn}.pub"
    folder = f"/tmp/{name.partition('.')[0]}"  # noqa: S108 - on the reader's machine, to be removed
    source = preview.url or f'"$PWD/preview/{name}"'
    unpack = [] if preview.url else ["unzip artifacts.zip 'preview/*'"]
    return "\n".join(
        [
            *unpack,
            f"cat > {key} <<'END'",
            *preview.public_key.splitlines(),
            "END",
            f"pansoft repo mount {folder} --source {source} --fqrn {name} --public-key {key}",
            f". {folder}/testing/setup.sh",
            f"# now there are: {', '.join((preview.commands or preview.packages)[:_SHOWN])}",
            f"pansoft repo unmount {folder}",
        ]
    )


def to_configure(preview: Preview) -> str:
    """Return the lines of a shell that mount a preview with the client of CVMFS; none of an artifact."""
    if preview.url is None:
        return ""
    name, key = preview.fqrn, f"/etc/cvmfs/keys/{preview.fqrn}.pub"
    return "\n".join(
        [
            f"sudo install -m 644 {name}.pub {key}",
            f"sudo tee /etc/cvmfs/config.d/{name}.conf <<'END'",
            f"CVMFS_SERVER_URL={preview.url}",
            f"CVMFS_PUBLIC_KEY={key}",
            "CVMFS_HTTP_PROXY=DIRECT",
            "END",
            f"sudo mkdir -p /cvmfs/{name}",
            f"sudo mount -t cvmfs {name} /cvmfs/{name}",
            f". /cvmfs/{name}/testing/setup.sh",
        ]
    )


def _is_address(text: str) -> bool:
    return len(text) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class _File:
    """What stands in `preview.json`."""

    schema: int
    preview: Preview


def _unreadable(file: Path, why: str) -> UserError:
    told = harmless(why).replace("\n", " ")  # it may tell the words of a stranger
    return UserError(
        f"{file} is not what is left of a preview: {told[:_LONGEST]}",
        hint="pansoft ci preview NAME --output DIR writes it; use the same version of it for both",
    )
