# SPDX-License-Identifier: BSD-3-Clause
"""An image tested before anybody signs it.

- `run`: all tests of a recipe in its image, and the report kept beside it; `reports`: its forms
- `trial`: what a test needs around it and what it left; `command`, `gui`: one module per kind
- `scripts`: what runs inside the image around a test
- `screen`: the picture of a virtual screen
"""
