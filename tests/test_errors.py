import numpy as np
import pytest

from eelsmap.errors import NO_ANSWER, PixelFlag, RecipeError, describe_flags


def test_every_flag_has_a_reason_in_words():
    everything = int(sum(PixelFlag))
    assert len(describe_flags(everything)) == len(PixelFlag)
    assert describe_flags(0) == []


def test_flags_survive_a_float32_map():
    everything = int(sum(PixelFlag))
    assert int(np.float32(everything)) == everything


def test_only_flags_that_end_the_answer_lie_in_the_low_byte():
    ending = {flag for flag in PixelFlag if flag & NO_ANSWER}
    assert ending == {
        PixelFlag.LOW_COUNTS,
        PixelFlag.NOT_FINITE,
        PixelFlag.NEGATIVE_COUNTS,
        PixelFlag.BACKGROUND_FAILED,
        PixelFlag.NO_EDGE,
    }


def test_an_edge_without_a_flag_is_refused_in_words():
    with pytest.raises(RecipeError, match="edge 'B_K' has no flag"):
        PixelFlag.weak("B_K")
