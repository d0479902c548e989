import numpy as np

from eelsmap.errors import NO_ANSWER, PixelFlag, describe_flags


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
