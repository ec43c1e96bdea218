"""How threads of the host wait for each other, and whose word counts."""

from __future__ import annotations

import os

from cujax.engine.backends.host_threads import brief_spinning


def test_brief_spinning_leaves_the_environment_as_it_was(monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    with brief_spinning():
        assert os.environ["GOMP_SPINCOUNT"] == "1000"
    assert "GOMP_SPINCOUNT" not in os.environ


def test_what_the_user_says_of_waiting_stands(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    with brief_spinning():
        assert "GOMP_SPINCOUNT" not in os.environ
