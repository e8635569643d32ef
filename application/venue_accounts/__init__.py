"""Accounts at venues: connected, given keys, traded on."""
