"""A good prompt for each task, written with care by hand: by the labels' meaning, without looking at a result."""

from promptbreeder.prompt import Prompt

_TEXTS = {
    "agnews": (
        "Decide which section of a newspaper the article belongs to. World: politics, wars, disasters and other news "
        "from around the world. Sports: games, teams, athletes. Business: companies, markets, prices, the economy. "
        "Tech: computers, software, the internet, science. Answer with one word: World, Sports, Business or Tech."
    ),
    "sst2": (
        "The sentence is from a movie review. Does its writer like the movie or not? Answer with one word: positive "
        "if the writer praises it, negative if the writer criticises it."
    ),
    "subj": (
        "The sentence is from a page about a movie. Answer subjective if it gives the writer's opinion or feeling "
        "about the movie. Answer objective if it only tells facts or what happens in the story. Answer with one word."
    ),
    "trec": (
        "What kind of answer does the question ask for? Description: a definition, a reason, a manner or an "
        "explanation. Entity: a thing, an animal, a product, a colour, a word. Expression: what an abbreviation "
        "stands for. Human: a person or a group. Location: a place. Number: a count, a date, an amount. Answer with "
        "one word: Description, Entity, Expression, Human, Location or Number."
    ),
    "larger_animal": (
        "Two animals are named. Which of the two is larger? Answer with the name of the larger animal only, exactly "
        "as it is written."
    ),
    "singular_to_plural": (
        "Write the plural of the English noun. Answer with that one word only, in small letters, without a full stop."
    ),
}


def prompt_for(task: str) -> Prompt | None:
    """Return the prompt for the task file of that name, or None where nobody has written one."""
    text = _TEXTS.get(task)
    return None if text is None else Prompt(instruction=text)
