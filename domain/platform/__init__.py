"""The whole: the kill switch."""
