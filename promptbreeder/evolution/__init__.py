"""The search itself, pure: what to try next, never how it is run, measured or stored."""
