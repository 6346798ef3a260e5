# SPDX-License-Identifier: BSD-3-Clause
"""What a pipeline tells people, on a merge request and beside it.

pipeline   the child pipeline that builds and tests what a branch changes
preview    what is told of the packages that can be mounted before the merge
gitlab     the door to GitLab: one note, commit statuses, labels, issues, merge requests, branches
job        what GitLab tells a job about itself
gathering  what a state folder and the repository know of packages
note       what is told of a change in one note; markdown: other people's words in it
files      what GitLab shows in its widgets beside the note
posting    the note, the label and the commit status, where GitLab is told of them
canary     what is published is used as a partner uses it; canary_files: what that leaves to read
alarm      the issue of a scheduled job that fails; logs: the lines that say why
proposals  changes of recipes, each a branch and a merge request; apart: the project in which they are made
image      the container image that jobs run in
updates    recipes follow upstream, each step in a merge request
requests   what somebody asks for in an issue becomes a recipe in a merge request
release    what a release of pansoft itself says
"""
