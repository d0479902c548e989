"""Fixtures that every test may use."""

from pathlib import Path

import matplotlib
import pytest

matplotlib.use("agg")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data by others, which is no part of the project; tests skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the shared test data are not at {folder}")
    return folder
