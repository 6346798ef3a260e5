# SPDX-License-Identifier: BSD-3-Clause
"""What is told of plans and of runs, to people and to programs.

plan_table     a line for each package of a plan; changes_table: of what a branch changes
journal_table  who published what and when
trace          the id that the events of a run share
run_report     what a run of `apply` leaves to read
event_report   what the event log comes to; timeline: one run drawn; open_metrics: for a monitoring
"""
