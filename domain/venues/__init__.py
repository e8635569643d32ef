"""A real venue, as our processes find it: reached, or left alone for a while."""
