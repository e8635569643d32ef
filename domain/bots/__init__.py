"""What runs: strategy, market, allocation, guardrails, life cycle."""
