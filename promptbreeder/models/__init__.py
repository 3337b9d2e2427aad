"""Model backends behind one narrow port, `base.Model`."""
