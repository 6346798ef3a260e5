# SPDX-License-Identifier: BSD-3-Clause
"""Published images as what people look for: entries, pages, and what starts a program.

- `entry`: `CatalogEntry`, the published facts of one version of a package, and its JSON
- `codec`: frozen dataclasses to JSON and strictly back
- `held`, `retired`: packages that are told of, and the one form of such lists in `listing`
- `standing`: which of several versions of a package users get
- `render`: entries to the files of a web site; `pages` is the one door to Jinja2
- `search`: words to entries, on the command line as in the page
- `profiles`: entries to wrappers, `setup.sh`, menu entries and notebook kernels
"""
