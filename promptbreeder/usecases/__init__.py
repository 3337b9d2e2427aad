"""The use cases behind `Service`, one file a subject; each is a plain async function over a `Workbench`.

Each file is read when it is first used: a server that starts answers `tools/list` without any of them.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptbreeder.usecases import (
        briefing as briefing,
    )
    from promptbreeder.usecases import (
        bundles as bundles,
    )
    from promptbreeder.usecases import (
        deciding as deciding,
    )
    from promptbreeder.usecases import (
        defining as defining,
    )
    from promptbreeder.usecases import (
        desk as desk,
    )
    from promptbreeder.usecases import (
        drifting as drifting,
    )
    from promptbreeder.usecases import (
        dueling as dueling,
    )
    from promptbreeder.usecases import (
        evolving as evolving,
    )
    from promptbreeder.usecases import (
        examples as examples,
    )
    from promptbreeder.usecases import (
        exporting as exporting,
    )
    from promptbreeder.usecases import (
        following as following,
    )
    from promptbreeder.usecases import (
        health as health,
    )
    from promptbreeder.usecases import (
        judging as judging,
    )
    from promptbreeder.usecases import (
        measuring as measuring,
    )
    from promptbreeder.usecases import (
        modelling as modelling,
    )
    from promptbreeder.usecases import (
        monitoring as monitoring,
    )
    from promptbreeder.usecases import (
        outcomes as outcomes,
    )
    from promptbreeder.usecases import (
        prompting as prompting,
    )
    from promptbreeder.usecases import (
        reporting as reporting,
    )
    from promptbreeder.usecases import (
        running as running,
    )
    from promptbreeder.usecases import (
        scouting as scouting,
    )
    from promptbreeder.usecases import (
        skills as skills,
    )
    from promptbreeder.usecases import (
        teaching as teaching,
    )
    from promptbreeder.usecases import (
        timeline as timeline,
    )


def __getattr__(name: str) -> ModuleType:
    """Return a file of this package (PEP 562)."""
    if name.startswith("_"):
        raise AttributeError(name)
    return importlib.import_module(f"{__name__}.{name}")
