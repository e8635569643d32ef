"""What the faces show: read-side use cases. Amounts leave here as text, never as numbers."""
