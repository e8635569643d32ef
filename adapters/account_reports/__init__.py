"""Files that say what a venue or a chain reports of our accounts."""
