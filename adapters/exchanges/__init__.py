"""Trading venues: one package a venue."""
