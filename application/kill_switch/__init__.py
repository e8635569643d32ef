"""Kill switches at work: cancel what is open, sell what is held, prove that nothing is left."""
