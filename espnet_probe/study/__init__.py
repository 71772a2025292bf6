"""Several models side by side: their cells, the paper's beside, and its claims."""
