"""The outside world, one package each; none knows another."""
