"""Paper accounts: opened with a chosen balance, funded, reset."""
