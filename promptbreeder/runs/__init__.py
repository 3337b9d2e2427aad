"""Runs: drive a strategy, answer its asks, journal the answers; resume is replay."""
