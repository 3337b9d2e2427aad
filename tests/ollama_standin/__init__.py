"""A server that behaves like Ollama, for tests: a real one cannot be had everywhere.

`StandIn` listens on a loopback port and is driven by the real `ollama` client. What it says follows Ollama 0.33; what
it computes comes from a `Brain`: a scripted one, or the real weights through `ollama_standin.llama`.
"""

from ollama_standin.brain import Brain, Piece
from ollama_standin.faults import Faults
from ollama_standin.library import Model
from ollama_standin.scripted import ScriptedBrain
from ollama_standin.standin import StandIn

__all__ = ["Brain", "Faults", "Model", "Piece", "ScriptedBrain", "StandIn"]
