# SPDX-License-Identifier: BSD-3-Clause
"""Updates of recipes to what upstream has, each a merge request that is opened once.

- `settings`: what `recipes/updates.yaml` says: groups, holds, how many at a time
- `bundles`: which steps belong into one merge request
- `making`: a step made in a copy of the recipe: its text, its lock, a trial
- `text`: what the merge request says
- `proposing`: what becomes of each in GitLab
- `run`: one run of all that
- `outcome`: what is told of each in the end
"""
