"""MESSAGE and its bodies: page mode both ways."""
