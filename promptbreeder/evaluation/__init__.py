"""Measuring prompts: answers through a model, judged by metrics, cached, charged to a budget."""
