# SPDX-License-Identifier: BSD-3-Clause
"""An image tested before anybody signs it.

- `run`: all tests of a recipe in its image, and the report kept beside it; `reports`: its forms
- `bench`: where a test is run, and tried again
- `prove`: the same tests where they have to fail; `sabotage`: how the program is broken; `proofs`:
  what was seen
- `kinds`: which module makes which kind of test; each has `trial`, `fault` and `evidence`
- `command`, `imports`, `gui`, `notebook`, `mpi`, `gpu`: one module per kind
- `smoke`: what is tested of every package: its commands start, its modules find their libraries
- `trial`: what a test asks to be run, and what the run left; `expected`: whether that is right
- `scripts`: what runs inside the image around a test
- `screen`: the picture of a virtual screen
"""
