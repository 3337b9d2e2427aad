"""Decisions over stored facts: is a version better, may it be promoted, which of two is shown as A."""
