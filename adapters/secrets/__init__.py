"""Keeping secrets: passwords as Argon2id hashes."""
