"""Records of a large JSON list one by one, in bounded memory.

A file of hundreds of megabytes, parsed whole, takes ten times its size. Here the text is read in pieces of 1 MB, the
end of each record is found by counting braces outside strings, and one record at a time is parsed; a record that is no
valid JSON is handed on as its error and the next one is read.
"""

from __future__ import annotations

import gzip
import json
import re
from typing import IO, TYPE_CHECKING, Any

from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIECE = 1 << 20
LONGEST_RECORD = 64 << 20
"""Characters of one record; more than that is no record but a damaged file."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|["{}]', re.DOTALL)


def json_records(path: Path, *, piece: int = PIECE, longest: int = LONGEST_RECORD) -> Iterator[dict[str, Any] | str]:
    """Read a JSON file whose top level is a list of objects.

    Parameters
    ----------
    path
        The file; gzip is unpacked where its name ends in ``.gz``.
    piece
        Characters read at a time.
    longest
        Characters that one record may have.

    Yields
    ------
    dict or str
        A record, or why it could not be parsed.

    Raises
    ------
    LibraryError
        The file is missing, is no text, is no list of objects, or ends inside a record.
    """
    try:
        with _opened(path) as stream:
            yield from _records(stream, path, piece, longest)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise LibraryError(f"{path}: cannot be read ({error})") from error


def _opened(path: Path) -> IO[str]:
    """Text of a plain or a gzip file."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _records(stream: IO[str], path: Path, piece: int, longest: int) -> Iterator[dict[str, Any] | str]:
    """Read the records of an open file."""
    text = stream.read(piece).lstrip("\ufeff \t\r\n")
    if not text.startswith("["):
        raise LibraryError(f"{path}: not a JSON list of records (starts with {text[:20]!r})")
    text, depth, start, position, number = text[1:], 0, 0, 0, 0
    while True:
        incomplete = False
        for token in _TOKEN.finditer(text, position):
            mark = token.group()
            if mark == '"':
                # A string that goes on beyond this piece: from here on again, with more text.
                position, incomplete = token.start(), True
                break
            position = token.end()
            if mark == "{":
                if depth == 0:
                    start = token.start()
                depth += 1
            elif mark == "}":
                depth -= 1
                if depth < 0:
                    raise LibraryError(f"{path}: a closing brace without an opening one after record {number}")
                if depth == 0:
                    number += 1
                    yield _parsed(text[start:position])
        if depth == 0 and not incomplete:
            text, start, position = "", 0, 0
        else:
            text, position = text[start:], position - start
            start = 0
        if len(text) > longest:
            raise LibraryError(f"{path}: record {number + 1} is longer than {longest} characters")
        more = stream.read(piece)
        if not more:
            if depth or incomplete:
                raise LibraryError(f"{path}: ends inside record {number + 1}; the file is cut off")
            return
        text += more


def _parsed(text: str) -> dict[str, Any] | str:
    """Parse one record, or say what is wrong with it."""
    try:
        content: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"not valid JSON ({error})"
    return content
