"""What an auditor runs on an exported log: one file that needs nothing else of Evenkeel."""
