"""Mutation testing: does a test notice when the code of the money is changed? See docs/mutation.md."""
