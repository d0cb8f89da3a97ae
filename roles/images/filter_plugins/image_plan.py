"""Which images a platform needs, under which references, and what to do for those a host lacks. Pure functions."""

from __future__ import annotations

import base64
import fnmatch
import gzip
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The control node reads image references with the very code of the module and the hub image.
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "files" / "hub" / "src"))

from hubwright.core.image import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_DROPPINGS = (".*", "*~", "#*#", "*.orig", "*.rej", "*.py[co]", "__pycache__", "*.egg-info")
_YEAR_2000 = 946684800  # seconds since 1970
_REMEDIES = {
    "jupyterhub_lab_image": "name an image that can be pulled, or builtin for the one that hubwright builds",
    "images_registry": "fill it with `make push` from this checkout, or empty it to build the images on the host",
    "images_source": "set it to mirrors to build every image from package mirrors",
}


def context_files(context: str | Path) -> dict[str, Path]:
    """Return a build context's files by their path in it, without what editors and Python leave behind."""
    root = Path(context)
    files = {path.relative_to(root): path for path in root.rglob("*") if path.is_file()}
    return {name.as_posix(): path for name, path in sorted(files.items()) if not any(map(_is_dropping, name.parts))}


def build_key(context: str | Path, arguments: Mapping[str, str]) -> str:
    """Return 12 hexadecimal digits that change whenever an image built from context and arguments would."""
    files = {name: [_is_executable(path), _digest(path)] for name, path in context_files(context).items()}
    ingredients = json.dumps({"files": files, "arguments": dict(arguments)}, sort_keys=True)
    return hashlib.sha256(ingredients.encode()).hexdigest()[:12]


def context_archive(context: str | Path) -> str:
    """Return a build context as a compressed tar archive in base64: just the files that its key is made of."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, path in context_files(context).items():
            entry = tarfile.TarInfo(name)
            entry.size = path.stat().st_size
            # BuildKit takes a file of the same path, size and time for the one it was sent by an earlier build.
            entry.mtime = _YEAR_2000 + int(_digest(path)[:7], 16)
            entry.mode = 0o755 if _is_executable(path) else 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)
    return base64.b64encode(buffer.getvalue()).decode()


def image_plans(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what each source in question would take to have every image, the preferred source first.

    A plan is its `source`, the `images` by name, and `steps`: how each comes to the host (build, import or pull) and
    the variable that asks for it. The first step is the base, which only builds need.
    """
    sources = ("registry", "mirrors") if settings["source"] == "auto" else (settings["source"],)
    return [_plan(source, settings) for source in sources]


def images_to_ask(plans: Iterable[Mapping[str, Any]], listing: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the references a registry must be asked for before a plan is chosen: none where one is carried out.

    :param listing: the host's images as Docker's API lists them
    """
    present = _names(listing)
    missing = [_missing(plan, present) for plan in plans]
    return sorted({step["reference"] for steps in missing if all(missing) for step in steps if step["how"] == "pull"})


def image_choice(
    plans: Iterable[Mapping[str, Any]],
    listing: Iterable[Mapping[str, Any]],
    answers: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Choose the plan that is carried out already, else the first that can be, else the one with the fewest faults.

    Adds to it what is still `missing`, the same by kind (`imports`, `builds`, `pulls`), and its `faults`, a sentence
    each.

    :param listing: the host's images as Docker's API lists them
    :param answers: what the module registry_image says of the references to ask
    """
    present = _names(listing)
    choices = []
    for plan in plans:
        missing = _missing(plan, present)
        choice = {
            **plan,
            "missing": [step["reference"] for step in missing],
            "imports": [step for step in missing if step["how"] == "import"],
            "builds": [step for step in missing if step["how"] == "build"],
            # The base of a build is BuildKit's to pull.
            "pulls": [step for step in missing if step["how"] == "pull" and step["name"] != "base"],
            "faults": _faults(missing, plan, answers),
        }
        choices.append(choice)
    return min(choices, key=lambda choice: (len(choice["missing"]) > 0, len(choice["faults"])))


def _plan(source: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    files, machine = Path(settings["files"]), {"ARCHITECTURE": settings["architecture"]}
    prefix = settings["registry"] or "hubwright"
    if source == "registry":
        base = _step("base", settings["debian"], "pull", "images_source")
    else:
        # The pinned Debian is an ingredient of the base from mirrors too: raising the pin renews both.
        key = build_key(files / "base", {"DEBIAN": settings["debian"], **machine})
        base = _step("base", f"hubwright/base:{key}", "import", "images_source")

    def own(name: str, **arguments: str) -> dict[str, Any]:
        arguments["BASE_IMAGE"] = base["reference"]
        how = "pull" if settings["registry"] and not settings["build"] else "build"
        key = build_key(files / name, {**arguments, **machine})
        return {**_step(name, f"{prefix}/{name}:{key}", how, "images_registry"), "arguments": arguments}

    steps = [
        own("hub", JUPYTERHUB_VERSION=settings["jupyterhub_version"]),
        own("lab") if settings["lab"] == "builtin" else _step("lab", settings["lab"], "pull", "jupyterhub_lab_image"),
        own("traefik") if source == "mirrors" else _step("traefik", settings["traefik"], "pull", "images_source"),
    ]
    return {
        "source": source,
        "images": {step["name"]: step["reference"] for step in steps},
        "steps": [base, *steps],
        "can_import": settings["can_import"],
    }


def _step(name: str, reference: str, how: str, variable: str) -> dict[str, Any]:
    return {"name": name, "reference": reference, "how": how, "variable": variable}


def _names(listing: Iterable[Mapping[str, Any]]) -> set[str]:
    return {name for image in listing for key in ("RepoTags", "RepoDigests") for name in image.get(key) or []}


def _missing(plan: Mapping[str, Any], present: set[str]) -> list[dict[str, Any]]:
    """Return the steps that are still to be taken, in order; the base only where something is built on it."""
    base, *steps = plan["steps"]
    missing = [step for step in steps if not _is_present(step["reference"], present)]
    needs_base = any(step["how"] == "build" for step in missing) and not _is_present(base["reference"], present)
    return [base, *missing] if needs_base else missing


def _is_present(reference: str, present: set[str]) -> bool:
    try:
        image = parse(reference)
    except ValueError:
        return False  # the registry module says what is wrong with it
    return (f"{image.name}@{image.digest}" if image.digest else str(image)) in present


def _faults(
    missing: Iterable[Mapping[str, Any]],
    plan: Mapping[str, Any],
    answers: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Say for each variable that asks for what cannot be had why, and what to change."""
    faults = []
    refused: dict[str, list[str]] = {}
    for step in missing:
        if step["how"] == "import" and not plan["can_import"]:
            faults.append(
                "images_source asks for a base image from Debian mirrors, which takes a host of Debian's family, "
                "set it to registry, or name a filled images_registry."
            )
        elif step["how"] == "pull" and not answers.get(step["reference"], {}).get("exists"):
            refused.setdefault(step["variable"], []).append(step["reference"])
    for variable, references in refused.items():
        reason = answers.get(references[0], {}).get("reason", "nobody was asked")
        faults.append(
            f"{variable} asks for {' and '.join(references)}, not on this host and not to be pulled ({reason}), "
            f"{_REMEDIES[variable]}."
        )
    return faults


def _is_dropping(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _DROPPINGS)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_executable(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "context_archive": context_archive,
            "image_choice": image_choice,
            "image_plans": image_plans,
            "images_to_ask": images_to_ask,
        }
