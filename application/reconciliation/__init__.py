"""Our books held against what a venue or a file reports."""
