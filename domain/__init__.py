"""The rules: standard library only, no clock, no randomness, no I/O. Commands decide, `evolve` folds."""
