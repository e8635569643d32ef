"""One owner's money: journal entries, holds and balances."""
