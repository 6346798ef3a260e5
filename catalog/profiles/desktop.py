# SPDX-License-Identifier: BSD-3-Clause
"""Menu entries, `<channel>/share/applications/pansoft-<name>.desktop`.

An entry starts its command by name: it is seen only where `setup.sh` has set both the menus' path
and the commands', so it works wherever the repository is mounted.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from builder.recipes.recipe import Desktop
from catalog.entry import CatalogEntry
from catalog.profiles.profile import READABLE, ChannelView, Files, ProfileFile

_ICON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_DEFAULT_ICON = "applications-science"
_DEFAULT_CATEGORIES = ("Science",)
_MAIN_WORDS = (
    "AudioVideo Audio Video Development Education Game Graphics Network Office Science Settings "
    "System Utility"
)
_MAIN_CATEGORIES = frozenset(_MAIN_WORDS.split())
_MORE_WORDS = (
    "2DGraphics 3DGraphics ArtificialIntelligence Astronomy Biology Building Chart Chemistry "
    "ComputerScience Construction DataVisualization Database Debugger Documentation Electronics "
    "Engineering GNOME GTK GUIDesigner Geography Geology Geoscience IDE ImageProcessing Java KDE "
    "Literature Maps Math MedicalSoftware NumericalAnalysis ParallelComputing Physics Photography "
    "Profiling ProjectManagement Qt RasterGraphics Robotics Scanning Spreadsheet Sports Translation "
    "VectorGraphics Viewer WebDevelopment XFCE ConsoleOnly"
)
_MORE_CATEGORIES = frozenset(_MORE_WORDS.split())


def render(view: ChannelView) -> Files:
    """Return the menu entry of each package that has one and whose command the channel offers."""
    offered = {(exposed.entry.name, exposed.command.name) for exposed in view.exposed}
    return {
        f"{view.channel}/share/applications/pansoft-{entry.name}.desktop": ProfileFile(
            desktop_entry(entry, desktop).encode(), READABLE
        )
        for entry in view.entries
        if (desktop := entry.runtime.desktop) and (entry.name, desktop.command) in offered
    }


def desktop_entry(entry: CatalogEntry, desktop: Desktop) -> str:
    """Return the text of a menu entry."""
    lines = {
        "Type": "Application",
        "Version": "1.1",
        "Name": _line(desktop.title),
        "Comment": _line(entry.summary),
        "Exec": desktop.command,
        "TryExec": desktop.command,
        "Icon": _icon(desktop.icon),
        "Categories": "".join(f"{category};" for category in _categories(desktop.categories)),
        "Terminal": "false",
        "X-Pansoft-Package": f"{entry.name} {entry.version}",
    }
    return "[Desktop Entry]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())


def _line(text: str) -> str:
    """Return a text as one line of a desktop file, without control characters."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split()).replace("\\", "\\\\")


def _icon(icon: str | None) -> str:
    """Return the icon's name in a theme; a file of the image is known by its name there."""
    stem = PurePosixPath(icon).stem if icon and "/" in icon else icon
    return stem if stem and _ICON.fullmatch(stem) else _DEFAULT_ICON


def _categories(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the categories in the words of freedesktop.org; another word gets its `X-`."""
    known = _MAIN_CATEGORIES | _MORE_CATEGORIES
    named = (
        word if word in known or word.startswith("X-") else f"X-{word}"
        for word in wanted
        if re.fullmatch("[A-Za-z0-9-]+", word)
    )
    result = tuple(dict.fromkeys(named))
    return result if _MAIN_CATEGORIES.intersection(result) else (*result, *_DEFAULT_CATEGORIES)
