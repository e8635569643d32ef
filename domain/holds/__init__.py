"""Money set aside for a while by an operator: placed, settled in parts, released, expired."""
