# SPDX-License-Identifier: BSD-3-Clause
"""List and read a file system inside an image with `unsquashfs`, as the build user: no mount, no root."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.images.build_user import BuildUser
from core import process
from core.errors import UserError

_TIMEOUT_S = 1200.0
_NEEDED = "apt-get install squashfs-tools"
_LINE = re.compile(
    r"(?P<kind>[-dlcbps])(?P<mode>[-rwxsStT]{9}) (?P<owner>\d+/\d+) +"
    r"(?P<size>\d+(?:, *\d+)?) \d{4}-\d\d-\d\d \d\d:\d\d squashfs-root(?P<path>/.*)?"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder or link: `kind` and `mode` in the letters of `ls`; `size` in bytes, of files."""

    path: str
    kind: str
    mode: str
    owner: str
    size: int
    target: str | None

    @property
    def is_whiteout(self) -> bool:
        """Return whether it stands for a name that is taken out of the file systems below."""
        return self.kind == "c" and self.size == 0


def entries(image: Path, offset: int, *, user: BuildUser) -> Iterator[Entry]:
    """Yield what the file system at an offset of an image holds; paths begin with `/`.

    Raises:
        UserError: it cannot be listed.
    """
    done = _unsquashfs(image, offset, ["-lln"], user=user, reach=[image.parent])
    for line in done.stdout.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            raise UserError(
                f"{image} holds a name that cannot be listed: {line[:120]!r}",
                hint="a line break in a file's name? unsquashfs -lln shows it",
            )
        path, target = found["path"] or "/", None
        if found["kind"] == "l":
            path, _, target = path.partition(" -> ")
        size = found["size"].replace(" ", "")
        is_device = "," in size
        number = 0 if size == "0,0" else 1 if is_device else int(size)
        yield Entry(path, found["kind"], found["mode"], found["owner"], number, target)


def extract(
    image: Path, offset: int, paths: Iterable[str], folder: Path, *, user: BuildUser
) -> None:
    """Write regular files of a file system below a new folder of the build user's.

    What is not there is left out. Ordinary users can neither make devices nor give files away, so
    only regular files are asked for.
    """
    wanted = folder.with_name(f"{folder.name}.list")
    wanted.write_text("".join(f"{_literally(path)}\n" for path in sorted(paths)), encoding="utf-8")
    wanted.chmod(0o644)
    argv: list[str | Path] = ["-quiet", "-no-progress", "-no-xattrs", "-dest", folder]
    _unsquashfs(image, offset, argv, user=user, reach=[image.parent, folder.parent], listed=wanted)


def _literally(path: str) -> str:
    """Return a path without its slash, in which nothing stands for anything else."""
    return re.sub(r"([][*?\\ ])", r"\\\1", path.lstrip("/"))


def _unsquashfs(
    image: Path,
    offset: int,
    options: Sequence[str | Path],
    *,
    user: BuildUser,
    reach: Sequence[Path],
    listed: Path | None = None,
) -> process.Completed:
    process.find("unsquashfs", reason="look into an image", hint=_NEEDED)
    argv: list[str | Path] = ["unsquashfs", "-offset", str(offset), *options]
    argv += ["-ef", listed, image] if listed else [image]
    return process.run(
        user.command(argv, reach=reach),
        reason=f"look into {image.name}",
        env=user.environment(TZ="UTC"),
        cwd=Path("/"),
        timeout_s=_TIMEOUT_S,
        hint=f"is it a whole image? can {user.name} read {image}?",
    )
