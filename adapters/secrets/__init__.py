"""Keeping secrets: passwords as Argon2id hashes, the key that signs for the log."""
