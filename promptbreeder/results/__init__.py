"""What the use cases return: small models that read well both as JSON and, through `str()`, as text.

Field names are a contract (tools, command line, scripts of users). Accuracies are 0-1.
"""

from promptbreeder.results.accuracy import Accuracy
from promptbreeder.results.answers import Answered
from promptbreeder.results.drift import (
    Drift,
    DriftAction,
    DriftState,
    MonitorReport,
    OutcomeReport,
    Recheck,
    SkillCheck,
)
from promptbreeder.results.duels import Duel, VoteCounts, VoteOutcome, VoteReport, VoteTest
from promptbreeder.results.examples import ExampleChange, ExampleLine, ExamplePage
from promptbreeder.results.fitness import Evidence, Fitness, FitnessParts, PromotionVerdict, VersionFitness
from promptbreeder.results.measuring import NO_GATE_EXAMPLE, Headroom, HeadroomKind, Row
from promptbreeder.results.patterns import PatternLine
from promptbreeder.results.production import HistoryLine, Moved, PastProduction
from promptbreeder.results.prompts import PromptView, Turn
from promptbreeder.results.runs import BestSoFar, Brief, BriefedRun, Candidates, Failure, Leader, RunReport, RunStatus
from promptbreeder.results.selftest import NullCase, SelftestReport
from promptbreeder.results.skills import SkillLine, SkillReport, SplitCounts
from promptbreeder.results.surroundings import Finding, ModelLine, Restored

__all__ = [
    "NO_GATE_EXAMPLE",
    "Accuracy",
    "Answered",
    "BestSoFar",
    "Brief",
    "BriefedRun",
    "Candidates",
    "Drift",
    "DriftAction",
    "DriftState",
    "Duel",
    "Evidence",
    "ExampleChange",
    "ExampleLine",
    "ExamplePage",
    "Failure",
    "Finding",
    "Fitness",
    "FitnessParts",
    "Headroom",
    "HeadroomKind",
    "HistoryLine",
    "Leader",
    "ModelLine",
    "MonitorReport",
    "Moved",
    "NullCase",
    "OutcomeReport",
    "PastProduction",
    "PatternLine",
    "PromotionVerdict",
    "PromptView",
    "Recheck",
    "Restored",
    "Row",
    "RunReport",
    "RunStatus",
    "SelftestReport",
    "SkillCheck",
    "SkillLine",
    "SkillReport",
    "SplitCounts",
    "Turn",
    "VersionFitness",
    "VoteCounts",
    "VoteOutcome",
    "VoteReport",
    "VoteTest",
]
