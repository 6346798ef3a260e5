# SPDX-License-Identifier: BSD-3-Clause
"""`<channel>/setup.sh`, the one line that a user sources; its text is `setup.sh` in this folder."""

from __future__ import annotations

from pathlib import Path

from catalog.profiles.profile import READABLE, ChannelView, Files, ProfileFile

_TEXT = Path(__file__).with_name("setup.sh")


def render(view: ChannelView) -> Files:
    """Return the channel's `setup.sh`."""
    text = _TEXT.read_text("utf-8")
    text = text.replace("@CHANNEL@", view.channel.value).replace("@FQRN@", view.fqrn)
    return {f"{view.channel}/setup.sh": ProfileFile(text.encode(), READABLE)}
