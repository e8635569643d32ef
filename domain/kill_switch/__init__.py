"""Kill switches: of one bot, one account, one venue, or the platform."""
