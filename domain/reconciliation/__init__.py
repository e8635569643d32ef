"""Our books against what a venue or a chain reports: breaks, and the cases that are made of them."""
