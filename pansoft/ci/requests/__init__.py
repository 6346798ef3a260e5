# SPDX-License-Identifier: BSD-3-Clause
"""Packages that somebody asks for in an issue: its form becomes a recipe and a merge request.

- `form`: what the text of an issue asks for, or what is wrong with it
- `known`: where a package is that is there already
- `credit`: who asked, as a recipe and a commit name them
- `making`: the recipe, checked and locked, without running anything of the package
- `text`: what the merge request says; `answers`: what the issue is told
- `run`: one run of all that; `outcome`: what is told of each in the end

The text of an issue is a stranger's. Names and versions fit patterns that leave no room for an option, a
path or an address; free text goes into a recipe through a YAML emitter and into Markdown as code, and nowhere
else.
"""
