"""Where heads are kept: a folder, on this machine or in object storage, with one file after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

_FILE: Final = re.compile(r"(\d{9})\.jsonl\.gz")
_FOLDER: Final = re.compile(r"\d{6}")
_FILES_OF_A_FOLDER: Final = 1000


class Folder(Protocol):
    """What pathlib and Airflow's object storage have in common."""

    @property
    def name(self) -> str:
        """The last part."""

    def __truediv__(self, name: str) -> Self:
        """What is inside."""

    def iterdir(self) -> Iterable[Self]:
        """Everything inside."""

    def exists(self) -> bool:
        """Whether it is there."""

    def mkdir(self, mode: int = ..., parents: bool = ..., exist_ok: bool = ...) -> None:
        """Make it."""

    def read_bytes(self) -> bytes:
        """A file's content."""

    def write_bytes(self, data: bytes) -> int:
        """Write a file."""


@dataclass(frozen=True, slots=True)
class HeadsFolder:
    """Adds files and changes none. A thousand go into one folder, so that the newest is found by two short lists."""

    root: Folder

    def numbers(self) -> Sequence[int]:
        """The numbers of all files, in order."""
        return sorted(number for folder in self._folders() for number in _numbers(folder))

    def newest(self) -> int | None:
        """The highest number."""
        for folder in reversed(self._folders()):
            if numbers := _numbers(folder):
                return max(numbers)
        return None

    def read(self, number: int) -> bytes:
        """A file's content."""
        return self._path(number).read_bytes()

    def write(self, number: int, content: bytes) -> None:
        """Add a file."""
        path = self._path(number)
        if path.exists():
            raise FileExistsError(f"There is a file {path} already.")
        if isinstance(path, Path):  # an object is there whole or not at all; a file is so by its name alone
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_bytes(content)
            part.rename(path)
        else:
            path.write_bytes(content)

    def _path(self, number: int) -> Folder:
        return self.root / f"{number // _FILES_OF_A_FOLDER:06d}" / f"{number:09d}.jsonl.gz"

    def _folders(self) -> list[Folder]:
        if not self.root.exists():
            return []
        return sorted((each for each in self.root.iterdir() if _FOLDER.fullmatch(each.name)), key=lambda each: each.name)


def _numbers(folder: Folder) -> list[int]:
    found = (_FILE.fullmatch(each.name) for each in folder.iterdir())
    return [int(match[1]) for match in found if match]
