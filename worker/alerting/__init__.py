"""Alerts: the rules that a run's end wakes, and telling people on their channels."""
