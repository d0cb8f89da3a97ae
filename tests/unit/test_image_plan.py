"""Keys of images, and the choice of where each one comes from."""

import base64
import io
import os
import tarfile

import pytest
from image_plan import build_key, context_archive, image_choice, image_plans, images_to_ask

FILES = {"Dockerfile": "FROM x\n", "src/app.py": "print()\n", "run": "#!/bin/sh\n"}


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.fixture
def context(tmp_path):
    folder = write(tmp_path / "context", FILES)
    (folder / "run").chmod(0o755)
    return folder


def test_key_is_the_same_on_every_machine(context):
    assert build_key(context, {"A": "1"}) == "6ecd64229b28"


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "src/app.py").write_text("print(1)\n"),
        lambda folder: (folder / "src/app.py").rename(folder / "src/main.py"),
        lambda folder: (folder / "src/app.py").rename(folder / "app.py"),
        lambda folder: (folder / "run").chmod(0o644),
        lambda folder: (folder / "run").unlink(),
        lambda folder: (folder / "more").touch(),
    ],
    ids=["content", "name", "folder", "executable", "fewer", "more"],
)
def test_key_follows_what_the_image_is_made_of(context, change):
    before = build_key(context, {})
    change(context)
    assert build_key(context, {}) != before


def test_key_follows_the_arguments(context):
    assert len({build_key(context, arguments) for arguments in ({}, {"A": "1"}, {"A": "2"}, {"B": "1"})}) == 4
    assert build_key(context, {"A": "1", "B": "2"}) == build_key(context, {"B": "2", "A": "1"})


def test_key_does_not_follow_what_no_image_is_made_of(context):
    before = build_key(context, {}), context_archive(context)
    write(context, dict.fromkeys(["src/__pycache__/app.pyc", "src/.app.py.swp", "app.py~", ".venv/x", "a.orig"], ""))
    os.utime(context / "run", (0, 0))
    (context / "run").chmod(0o700)
    (context / "empty").mkdir()
    assert (build_key(context, {}), context_archive(context)) == before


def archived(folder):
    return tarfile.open(fileobj=io.BytesIO(base64.b64decode(context_archive(folder))))


def test_archive_holds_the_files_of_the_key(context):
    write(context, {"src/__pycache__/app.pyc": ""})
    with archived(context) as archive:
        assert {entry.name: archive.extractfile(entry).read().decode() for entry in archive} == FILES
        assert {entry.name: entry.mode for entry in archive} == {"Dockerfile": 0o644, "run": 0o755, "src/app.py": 0o644}


def test_archive_gives_another_time_to_another_content_of_the_same_size(context):
    def time():
        with archived(context) as archive:
            return archive.getmember("src/app.py").mtime

    before = time()
    write(context, {"src/app.py": "exit( )\n"})
    assert time() != before


@pytest.fixture
def settings(tmp_path):
    for name in ("base", "hub", "lab", "traefik"):
        write(tmp_path / name, {"Dockerfile": f"# {name}"})
    return {
        "source": "auto",
        "registry": "",
        "build": False,
        "lab": "builtin",
        "jupyterhub_version": "6.1",
        "architecture": "x86_64",
        "can_import": True,
        "debian": "debian:13",
        "traefik": "traefik:v3",
        "files": str(tmp_path),
    }


def listing(*names):
    """Return images as Docker's API lists them."""
    named = [{"RepoDigests": [name], "RepoTags": []} if "@" in name else {"RepoTags": [name]} for name in names]
    return [{"RepoTags": None, "RepoDigests": None}, *named]


def choose(settings, present=(), served=()):
    """Return the choice on a host that has `present`, with registries that serve `served`."""
    plans = image_plans(settings)
    answers = {
        name: {"exists": name in served, "reason": None if name in served else "the reason"}
        for name in images_to_ask(plans, listing(*present))
    }
    return image_choice(plans, listing(*present), answers)


def todo(choice):
    return [f"{step['how']} {step['name']}" for kind in ("imports", "builds", "pulls") for step in choice[kind]]


HUB_SERVES = ("debian:13", "traefik:v3")


FROM_REGISTRY = ["build hub", "build lab", "pull traefik"]
FROM_MIRRORS = ["import base", "build hub", "build lab", "build traefik"]


@pytest.mark.parametrize(
    ("change", "served", "source", "expected"),
    [
        ({}, HUB_SERVES, "registry", FROM_REGISTRY),
        ({}, (), "mirrors", FROM_MIRRORS),
        ({}, ("debian:13",), "mirrors", FROM_MIRRORS),
        ({"source": "mirrors"}, HUB_SERVES, "mirrors", FROM_MIRRORS),
        ({"source": "registry"}, HUB_SERVES, "registry", FROM_REGISTRY),
        ({"lab": "q/lab"}, (*HUB_SERVES, "q/lab"), "registry", ["build hub", "pull lab", "pull traefik"]),
        ({"lab": "q/lab"}, ("q/lab",), "mirrors", ["import base", "build hub", "build traefik", "pull lab"]),
        ({"registry": "r:1", "build": True}, (), "mirrors", FROM_MIRRORS),
    ],
)
def test_bare_host(settings, change, served, source, expected):
    choice = choose(settings | change, served=served)
    assert choice["source"] == source
    assert choice["faults"] == []
    assert todo(choice) == expected


@pytest.mark.parametrize("source", ["registry", "mirrors"])
def test_host_that_has_all_images_of_a_source_keeps_it_and_asks_nobody(settings, source):
    (plan,) = image_plans(settings | {"source": source})
    present = list(plan["images"].values())
    assert images_to_ask(image_plans(settings), listing(*present)) == []
    choice = choose(settings, present, served=HUB_SERVES)
    assert (choice["source"], choice["missing"], choice["faults"]) == (source, [], [])
    assert choice["images"] == plan["images"]


def test_base_is_needed_only_where_something_is_built(settings):
    (plan,) = image_plans(settings | {"source": "mirrors"})
    base, hub, *others = (step["reference"] for step in plan["steps"])
    assert choose(settings | {"source": "mirrors"}, [hub, *others])["missing"] == []
    assert choose(settings | {"source": "mirrors"}, others)["missing"] == [base, hub]
    assert choose(settings | {"source": "mirrors"}, [base, *others])["missing"] == [hub]


@pytest.mark.parametrize("source", ["registry", "mirrors"])
def test_filled_registry_serves_what_it_was_filled_with(settings, source):
    filled = settings | {"registry": "r:1/group", "source": source}
    (built,) = image_plans(filled | {"build": True})
    served = [step["reference"] for step in built["steps"] if step["how"] == "build"]
    assert all(name.startswith("r:1/group/") for name in served)
    choice = choose(filled | {"source": "auto", "can_import": False}, served=(*served, *HUB_SERVES))
    assert choice["faults"] == []
    assert choice["source"] == source
    assert choice["builds"] == choice["imports"] == []
    assert choice["images"] == built["images"]


@pytest.mark.parametrize(
    ("lab", "present"),
    [
        ("docker.io/library/lab", "lab:latest"),
        ("q.example/lab", "q.example/lab:latest"),
        ("q.example/lab:1@sha256:" + "a" * 64, "q.example/lab@sha256:" + "a" * 64),
    ],
)
def test_image_is_found_under_the_name_docker_gives_it(settings, lab, present):
    names = settings | {"lab": lab, "source": "mirrors"}
    assert "pull lab" not in todo(choose(names, [present]))
    assert "pull lab" in todo(choose(names, [present + "x"], served=[lab]))


@pytest.mark.parametrize(
    ("change", "names", "remedy"),
    [
        ({"lab": "q.example/lab:1"}, "jupyterhub_lab_image asks for q.example/lab:1", "builtin"),
        ({"lab": "Q/Lab"}, "jupyterhub_lab_image asks for Q/Lab", "builtin"),
        ({"registry": "r:1"}, "images_registry asks for r:1/hub:", "make push"),
        ({"source": "registry"}, "images_source asks for debian:13 and traefik:v3", "mirrors"),
        ({"source": "mirrors", "can_import": False}, "images_source asks for a base image", "registry"),
    ],
)
def test_image_that_cannot_be_had_is_a_sentence(settings, change, names, remedy):
    (fault,) = choose(settings | change)["faults"]
    assert fault.startswith(names)
    assert remedy in fault
    assert fault.endswith(".")
    assert "\n" not in fault


def test_version_and_machine_are_part_of_the_key(settings):
    def hub(**change):
        return image_plans(settings | change)[0]["images"]["hub"]

    changes = ({}, {"jupyterhub_version": "5.5"}, {"architecture": "aarch64"}, {"debian": "debian:14"})
    assert len({hub(**change) for change in changes}) == len(changes)


def test_raised_debian_renews_the_base_from_mirrors(settings):
    def base(debian):
        return image_plans(settings | {"source": "mirrors", "debian": debian})[0]["steps"][0]["reference"]

    assert base("debian:13") != base("debian:14")
