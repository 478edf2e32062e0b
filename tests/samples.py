"""Real documents of others, kept beside the repository; tests that need them skip by name without."""

from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"

needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the folder shared/samples beside the repository is absent"
)
