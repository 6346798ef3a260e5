# SPDX-License-Identifier: BSD-3-Clause
"""What a recipe is.

- `recipe`: its frozen types
- `schema`, `rules`: what may be written in one; `load`: the only way from a file to a `Recipe`
- `check`, `reports`: every problem of every recipe, for people, CI and editors
- `manual`: the pages and JSON Schemas made from the schema
- `new`, `facts`, `from_pypi`, `from_debian`: a first recipe from what an index or archive knows
"""
