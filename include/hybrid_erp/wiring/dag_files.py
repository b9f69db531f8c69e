"""The DAG files that Airflow reads, held against those of this package: both are installed apart, and change together."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hybrid_erp import __version__
from hybrid_erp.wiring.configuration import shipped_dags

OURS = b"hybrid_erp.wiring"


def write_dags(folder: Path) -> list[str]:
    """Write the package's DAG files over those of a folder; the names of the files that were missing or another version's."""
    folder.mkdir(parents=True, exist_ok=True)
    stale = [file for file in _shipped() if not (folder / file.name).exists() or (folder / file.name).read_bytes() != file.read_bytes()]
    for file in stale:
        shutil.copyfile(file, folder / file.name)
    return [file.name for file in stale]


def bundle_folders() -> Mapping[str, Path | Exception]:
    """The folder of each of Airflow's DAG bundles, or why it cannot be had. A bundle of git is fetched for it."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    found: dict[str, Path | Exception] = {}
    manager = DagBundlesManager()  # type: ignore[no-untyped-call]  # Airflow does not say
    for bundle in manager.get_all_dag_bundles():
        try:
            bundle.initialize()
            found[bundle.name] = bundle.path
        except Exception as error:  # whatever a provider's bundle raises
            found[bundle.name] = error
    return found


def problems_of_dags(bundles: Mapping[str, Path | Exception]) -> Iterator[str]:
    """What is wrong with the DAG files of these bundles, and what to do."""
    folders = {name: place for name, place in bundles.items() if isinstance(place, Path)}
    for name, place in bundles.items():
        if isinstance(place, Exception):
            told = (str(place).splitlines() or ["no reason given"])[0]
            yield f"The DAG bundle {name} cannot be read: {type(place).__name__}: {told} Correct its settings or its Connection."
    there = _ours(folders)
    for file in _shipped():
        if file.name not in there:
            yield f"No DAG bundle has {file.name}: what it does is not done. Run `hybrid-erp dags <folder of the bundle>`."
        for name, content in there.get(file.name, ()):
            if content != file.read_bytes():
                yield (
                    f"{file.name} in the DAG bundle {name} is not that of this package ({__version__}): it is older, newer or edited. "
                    f"Install the package that it belongs to, or run `hybrid-erp dags <folder of the bundle>`."
                )


def _ours(folders: Mapping[str, Path]) -> Mapping[str, Sequence[tuple[str, bytes]]]:
    """By file name: each bundle that has it, and the content. A firm may keep our files anywhere in a bundle, beside files of its own."""
    names, found = {file.name for file in _shipped()}, defaultdict[str, list[tuple[str, bytes]]](list)
    for bundle, folder in folders.items():
        for file in sorted(folder.rglob("*.py")):
            if file.name in names and OURS in (content := file.read_bytes()):
                found[file.name].append((bundle, content))
    return found


def _shipped() -> Iterable[Path]:
    return sorted(shipped_dags().glob("*.py"))
