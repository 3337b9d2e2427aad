"""A version as something that works without this program: texts for Ollama, Python and anything that takes a chat."""
