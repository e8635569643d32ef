"""Seeing inside: one log stream with the ids of the event log, and error reports that leak nothing."""
