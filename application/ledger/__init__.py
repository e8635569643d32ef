"""Corrections of the books."""
