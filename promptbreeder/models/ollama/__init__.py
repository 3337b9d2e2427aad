"""The Ollama backend: a server of the user's own, asked over HTTP."""
