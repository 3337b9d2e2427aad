"""Pure statistics: what the measurements allow one to say."""
