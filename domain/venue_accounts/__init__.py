"""An account at a venue: whose it is, and which of its keys is in use. Never the key itself."""
