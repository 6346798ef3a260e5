# SPDX-License-Identifier: BSD-3-Clause
"""What every profile is made from, a channel with its choices made, and what it is made of, files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from builder.recipes.recipe import Channel, Command
from catalog.entry import CatalogEntry
from catalog.standing import in_standing

EXECUTABLE = 0o755
READABLE = 0o644


class ProfileFile(NamedTuple):
    """A file's content and its mode."""

    content: bytes
    mode: int


_EACH = 3  # as many conflicts are told one by one

Files = dict[str, ProfileFile]
"""Files by their path in the repository."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """A command that a channel offers, and the package it comes from."""

    command: Command
    entry: CatalogEntry


@dataclass(frozen=True, slots=True)
class Conflict:
    """A command that several packages of a channel have, and the one that won."""

    command: str
    winner: str
    losers: tuple[str, ...]

    def __str__(self) -> str:
        """Return the sentence for people."""
        return (
            f"command '{self.command}' is in {', '.join(self.losers)} and in {self.winner}; "
            f"the channel offers that of {self.winner}"
        )


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel: the version of each package it stands for, its commands, by name, its conflicts."""

    channel: Channel
    fqrn: str
    entries: tuple[CatalogEntry, ...]
    exposed: tuple[Exposed, ...]
    conflicts: tuple[Conflict, ...]


def view_of(
    entries: Iterable[CatalogEntry],
    channel: Channel,
    *,
    fqrn: str,
    prefer: Mapping[str, str] = MappingProxyType({}),
) -> ChannelView:
    """Return what a channel offers.

    Of a package the version that stands for it counts (`catalog.standing`). Of several packages with
    the same command the one that `prefer` names has it, else the one that comes last in `entries`; a
    suite, which is a tree only, gives way to packages of their own.
    """
    versions: dict[str, list[CatalogEntry]] = {}
    for entry in entries:
        if entry.channel is channel:
            versions.setdefault(entry.name, []).append(entry)
    current = {name: in_standing(those)[0] for name, those in versions.items()}
    owners: dict[str, list[Exposed]] = {}
    for entry in current.values():
        for command in {command.name: command for command in entry.commands}.values():
            owners.setdefault(command.name, []).append(Exposed(command, entry))
    chosen = {name: _choose(offers, prefer.get(name)) for name, offers in owners.items()}
    return ChannelView(
        channel=channel,
        fqrn=fqrn,
        entries=tuple(current[name] for name in sorted(current)),
        exposed=tuple(chosen[name] for name in sorted(chosen)),
        conflicts=tuple(
            Conflict(
                command=name,
                winner=chosen[name].entry.name,
                losers=tuple(o.entry.name for o in owners[name] if o is not chosen[name]),
            )
            for name in sorted(owners)
            if len(owners[name]) > 1
        ),
    )


def _choose(offers: Sequence[Exposed], preferred: str | None) -> Exposed:
    wanted = [offer for offer in offers if offer.entry.name == preferred]
    own = [offer for offer in offers if offer.entry.has_image]
    return (wanted or own or offers)[-1]


def in_words(conflicts: Iterable[Conflict]) -> tuple[str, ...]:
    """Return a sentence for each conflict, or one for all of those that lose many commands."""
    by_losers: dict[tuple[str, ...], list[Conflict]] = {}
    for conflict in conflicts:
        by_losers.setdefault(conflict.losers, []).append(conflict)
    said: list[str] = []
    for losers, lost in by_losers.items():
        if len(lost) <= _EACH:
            said += map(str, lost)
            continue
        winners = sorted({conflict.winner for conflict in lost})
        said.append(
            f"{len(lost)} commands of {', '.join(losers)} are also in {', '.join(winners)}; those win"
        )
    return tuple(said)
