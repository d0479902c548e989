"""JSON that nobody vouches for: no NaN, no key twice, no bottomless nesting, and values of expected kinds."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NoReturn

from eelsmap.errors import BundleError

__all__ = ["finite_numbers", "read_json", "require_like"]

_LONGEST = 4 * 2**20
_LONGEST_TEXT = 100_000
_LONGEST_LIST = 64
_LARGEST = 1e9


def read_json(content: bytes, where: str, /) -> dict[str, Any]:
    """Parse a JSON object.

    Parameters
    ----------
    content
        UTF-8.
    where
        Said in messages.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    BundleError
        Anything else than one object of finite numbers, texts, lists and objects.
    """

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number of a bundle")

    def real(text: str) -> float:
        value = float(text)
        return value if math.isfinite(value) else refuse(text[:40])

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key comes twice")
        return result

    if len(content) > _LONGEST:
        raise BundleError(f"{where}: larger than {_LONGEST >> 20} MiB; the bundle cannot be trusted")
    try:
        document = json.loads(content, parse_constant=refuse, parse_float=real, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where} cannot be read ({error!s:.200}); get a fresh copy of the bundle") from error
    if not isinstance(document, dict):
        raise BundleError(f"{where} holds no JSON object; get a fresh copy of the bundle")
    return document


def require_like(value: Any, example: Any, where: str, /) -> None:
    """Refuse a value that is not of the kind of an example: the same type, and the same through lists and objects.

    Parameters
    ----------
    value
        Parsed JSON.
    example
        What a right value looks like. A real number stands for any number, a list for a list of things like its first
        item (of texts when it is empty), an object for one that has no other keys.
    where
        Said in messages.

    Raises
    ------
    BundleError
        Of another kind, too long, or too large.
    """
    if isinstance(example, dict):
        if not isinstance(value, dict):
            raise BundleError(f"{where} is not an object")
        unknown = sorted(set(value) - set(example))
        if unknown:
            raise BundleError(f"{where} holds unknown {', '.join(map(repr, unknown[:5]))!s:.200}")
        for key, item in value.items():
            require_like(item, example[key], f"{where}.{key}")
    elif isinstance(example, list | tuple):
        if not isinstance(value, list) or len(value) > _LONGEST_LIST:
            raise BundleError(f"{where} is not a list of at most {_LONGEST_LIST}")
        for index, item in enumerate(value):
            require_like(item, example[0] if example else "", f"{where}[{index}]")
    elif example is None or isinstance(example, bool):
        if type(value) is not type(example):
            raise BundleError(f"{where} = {value!r:.60} is not {'null' if example is None else 'true or false'}")
    elif isinstance(example, str):
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
            raise BundleError(f"{where} is not a text")
    else:
        kinds = (int,) if isinstance(example, int) else (int, float)
        if type(value) not in kinds or not abs(value) <= _LARGEST:
            raise BundleError(f"{where} = {value!r:.60} is not a {'whole ' if kinds == (int,) else ''}number")


def finite_numbers(values: Any, where: str, /, *, at_least: int = 0) -> Sequence[float]:
    """Return a list of finite numbers.

    Raises
    ------
    BundleError
        It is anything else, or shorter than `at_least`.
    """
    fits = isinstance(values, list) and at_least <= len(values) <= 100_000
    if not fits or not all(type(value) in (int, float) and abs(value) <= 1e30 for value in values):
        raise BundleError(f"{where} is not a list of {at_least} or more finite numbers")
    return [float(value) for value in values]
