"""Evolves prompts for small local models; usable as a library. `service.Service` is the way in."""
