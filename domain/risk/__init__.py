"""What bots, accounts and the platform may risk: limits, what they are measured against, verdicts."""
