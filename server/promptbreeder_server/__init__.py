"""Composition root, settings, transports and command line of promptbreeder-mcp."""
