"""Settings, as the environment and a client's configuration give them."""

from pathlib import Path

import pytest

from promptbreeder.errors import InvalidInput
from promptbreeder_server.settings import Settings


def test_a_tilde_is_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No shell replaces it in a client's configuration, and a folder named ~ is nobody's wish."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert Settings.read({"PROMPTBREEDER_HOME": "~/prompts"}).database == tmp_path / "prompts" / "promptbreeder.db"


def test_a_user_that_is_not_there_is_reported_by_the_variable() -> None:
    """As any other wrong setting."""
    with pytest.raises(InvalidInput, match=r"home: ~nobody-of-this-name/x"):
        Settings.read({"PROMPTBREEDER_HOME": "~nobody-of-this-name/x"})
