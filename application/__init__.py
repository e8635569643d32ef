"""Use cases, queries and process managers, and the ports they need. Imports domain only."""
