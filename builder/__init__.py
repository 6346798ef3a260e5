# SPDX-License-Identifier: BSD-3-Clause
"""From a recipe to a signed image.

What a recipe is:
- `recipe`: its frozen types; `schema`, `load`, `recipe_checks`: what may be written, and reading it
- `check`, `reports`: every problem of every recipe; `manual`: the pages made from the schema
- `new`, `facts`, `from_pypi`, `from_debian`: a first recipe from what an index or archive knows

What goes in:
- `lock`: `lock.json`; `locking`: making one; `apt`, `python_index`: what the host's archives say
- `inputs`: the content-addressed cache; `fetch`: filling it; `archive`: .debs as an apt archive

Making an image:
- `plan`: everything that decides the bytes, and their id; `stages`: what a stage hands to the next
- `build_user`, `sandbox`, `scripts/`: an ordinary user's namespaces without a network
- `base`, `build`, `images`: bases once, images on top; `image_files`, `sif`: what a SIF is made of
- `apptainer`, `testing`: running the tests; `sign`: signing and verifying
- `state`: where all of it lies
"""
