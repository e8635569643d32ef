"""The way to real money: bots that observe, pre-flight, and the gate in front of LIVE."""
