"""What a run is frozen into before it begins: its plan, from a request and what the store and the model are then."""

from promptbreeder.errors import Conflict, InvalidInput
from promptbreeder.evaluation.fitness import preference_score
from promptbreeder.evaluation.metrics import metric_of
from promptbreeder.prompt import Decoding, Prompt, strictest
from promptbreeder.requests import EvolveRequest
from promptbreeder.runs.affordable import list_characters, search_examples
from promptbreeder.runs.blocks import in_blocks
from promptbreeder.runs.plan import Plan
from promptbreeder.skill import MIN_SEARCH_EXAMPLES, Skill, Split
from promptbreeder.store import duels, examples, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.quoting import quoted
from promptbreeder.usecases.teaching import taught
from promptbreeder.usecases.witnesses import witnesses
from promptbreeder.usecases.workbench import Workbench

SECONDS_LIMIT = 6 * 3600.0
TOKENS_PER_CALL = 8
"""A call costs at least about this much; turns a token budget into a cap on calls."""


async def prompts_of(bench: Workbench, skill: Skill, texts: tuple[str, ...]) -> tuple[Prompt, ...]:
    """Return candidates' texts as prompts; raises InvalidInput where one shows what the gate holds."""
    gate = await bench.store.read(lambda db: examples.of_split(db, skill.name, Split.GATE))
    inputs = [example.input for example in gate]
    for text in texts:
        if seen := quoted(text, inputs):
            raise InvalidInput(
                f"the candidate {text[:60]!r}... contains an example of the gate split, which must stay unseen "
                f"({len(seen)} found; case and punctuation make no difference): none of the candidates was taken. "
                "Remove the examples' texts and hand all candidates in again"
            )
    # Labels let the executor be asked in the way that suits it best; the text is the candidate's all the same.
    decoding = strictest(skill.decodings)
    return tuple(Prompt(instruction=text, decoding=decoding) for text in texts)


def _search_examples(db: Tables, name: str) -> tuple[examples.StoredExample, ...]:
    """Return the examples that a search measures on; raises InvalidInput where they are too few."""
    found = examples.of_split(db, name, Split.SEARCH)
    if len(found) < MIN_SEARCH_EXAMPLES:
        missing = MIN_SEARCH_EXAMPLES - len(found)
        raise InvalidInput(
            f"'{name}' has {len(found)} search examples and evolving needs {MIN_SEARCH_EXAMPLES}: add about "
            f"{-(-missing * 10 // 3)} more examples with define_skill or `promptbreeder-mcp import` (three in ten "
            "become search examples)"
        )
    return found


async def freeze(bench: Workbench, request: EvolveRequest) -> tuple[Plan, tuple[Prompt, ...]]:
    """Return the plan, and those candidates that the first population has no room for.

    Raises:
        InvalidInput: if the skill cannot be evolved, saying what is missing.
        Conflict: if it was redefined while its model was loading.
        ModelError: if a model cannot be had.
    """
    strategy = bench.choose(
        request.strategy,
        request.profile,
        generations=request.generations,
        population=request.population,
        seed_with=request.seed_with,
    )
    skill = defined = await bench.store.read(lambda db: skills.get(db, request.skill))
    metric_of(skill)
    # Asked before the model is loaded, which takes a while, and again when the plan is frozen.
    await bench.store.read(lambda db: _search_examples(db, skill.name))
    model = await bench.model(skill.model)
    if not model.limits.choose:
        # Labels then serve as the words that a free answer is searched for.
        skill = skill.model_copy(
            update={"settings": skill.settings.model_copy(update={"allowed_decoding": (Decoding.FREE,)})}
        )
    writer = await bench.model(bench.writer_of(skill))
    rates = await model.rates()
    guests = await prompts_of(bench, skill, request.candidates)
    # Only to ask what reading takes: nothing is answered here.
    reader = await bench.evaluator_on(skill, (), ())

    def look(db: Tables) -> tuple[Plan, tuple[Prompt, ...]]:
        if skills.get(db, skill.name) != defined:
            raise Conflict(f"'{skill.name}' was redefined while its model was loading; call evolve_prompt again")
        production, search = versions.production(db, skill.name), _search_examples(db, skill.name)
        gate = witnesses(db, skill.name, production.n)
        votes = duels.counting(db, skill.name, skill.answered_by(model.weights))
        wins, losses = duels.record(votes, production.n)
        seeds = tuple(dict.fromkeys((production.prompt, *guests)))
        whole = sum(reader.expected_tokens(production.prompt, [e.input for e in block]) for block in in_blocks(search))
        carried = search_examples(request.budget_tokens, whole / len(search), search=len(search), gate=len(gate.ids))
        plan = Plan(
            skill=skill,
            seeds=seeds[: strategy.room],
            incumbent=production.n,
            incumbent_prior=production.prior_on(skill.measured_on(model.fingerprint)),
            strategy=strategy.name,
            profile=strategy.profile_name,
            generations=request.generations,
            population=request.population,
            seed_with=request.seed_with,
            seed=request.seed,
            token_limit=request.budget_tokens,
            call_limit=request.budget_tokens // TOKENS_PER_CALL,
            seconds_limit=SECONDS_LIMIT,
            list_characters=list_characters(request.budget_tokens, shares_prefix=model.limits.shares_prefix),
            train_ids=tuple(e.id for e in examples.of_split(db, skill.name, Split.TRAIN)),
            # Their order says nothing about them, so the first are as good as any.
            search_ids=tuple(e.id for e in search[:carried]),
            search_left_out=len(search) - carried,
            gate_ids=gate.ids,
            gate_left_out=gate.left_out,
            executor=model.fingerprint,
            writer=writer.fingerprint,
            read_rate=rates.read,
            write_rate=rates.write,
            preference=preference_score(wins, losses),
            optuna=strategy.optuna,
        )
        return taught(db, plan, strategy.room), seeds[strategy.room :]

    return await bench.store.read(look)
