"""What is measured while it runs, for Prometheus."""
