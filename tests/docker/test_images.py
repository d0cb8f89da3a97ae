"""Images are really built, pushed and pulled, by the playbooks that `make` runs."""

import base64
import contextlib
import io
import re
import subprocess
import tarfile
from pathlib import Path

import docker
import images
import pytest
from image_plan import context_archive

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def changed(done):
    """Return how many tasks of a successful run changed something."""
    assert done.returncode == 0, done.stdout
    return sum(int(count) for count in re.findall(r"changed=(\d+)", done.stdout.partition("PLAY RECAP")[2]))


@pytest.fixture(scope="module")
def client():
    return docker.from_env()


@pytest.fixture(scope="module")
def filled(registry, small_image, client, tmp_path_factory):
    """Return the variables of a platform whose registry `make push` has filled."""
    with registry(tmp_path_factory.mktemp("registry")) as address:
        # The real lab image would be a gigabyte to push; as a reference of somebody else's it is only pulled.
        lab = f"{address}/somebody/lab:1"
        small_image.tag(lab)
        client.images.push(lab)
        variables = {"images_registry": f"{address}/group", "jupyterhub_lab_image": lab}
        assert changed(images.play("push", **variables)) > 0
        yield variables
        remove(client, address)


def remove(client, address):
    for name in here(client, address):
        client.images.remove(name)


def here(client, address):
    return sorted(tag for image in client.images.list() for tag in image.tags if tag.startswith(f"{address}/"))


def test_nothing_is_built_twice():
    images.references("6.1")
    assert changed(images.play("build")) == 0


def test_nothing_is_pushed_twice(filled):
    assert changed(images.play("push", **filled)) == 0


def test_host_pulls_what_was_pushed_and_builds_nothing(filled, client):
    address = filled["images_registry"].partition("/")[0]
    pushed = here(client, address)
    assert [re.sub(":[0-9a-f]{12}$", "", name.removeprefix(address)) for name in pushed] == [
        "/group/hub",
        "/group/traefik",
        "/somebody/lab:1",
    ]
    remove(client, address)
    pulled = images.play("pull", **filled)
    assert changed(pulled) == 1, pulled.stdout
    assert "Build the images]" not in pulled.stdout.partition("See that every image")[2]
    assert here(client, address) == pushed
    assert changed(images.play("pull", **filled)) == 0


def test_moved_tag_is_pulled_again(filled, client, small_image):
    lab = filled["jupyterhub_lab_image"]
    changed(images.play("pull", **filled))
    with moved(client, lab) as newer:
        small_image.tag(lab)
        assert changed(images.play("pull", **filled)) == 1
        assert client.images.get(lab).id == newer
    client.images.push(lab)


@contextlib.contextmanager
def moved(client, name):
    """Push another image under a name, and give its ID."""
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("another"))
        repository, _, tag = name.rpartition(":")
        client.api.import_image_from_data(buffer.getvalue(), repository=repository, tag=tag)
    client.images.push(name)
    yield client.images.get(name).id


def test_registry_that_was_not_filled_is_refused_before_anything_changes(filled):
    registry = filled["images_registry"] + "/elsewhere"
    done = images.play("pull", **{**filled, "images_registry": registry})
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert re.search(rf"images_registry asks for {registry}/hub:.* does not have .*`make push`", said), said
    assert "changed=0" in done.stdout


def test_check_mode_tells_what_it_would_build_and_builds_nothing(filled, client):
    registry = filled["images_registry"] + "/elsewhere"
    done = images.play("build", "--check", **{**filled, "images_registry": registry})
    assert changed(done) == 1
    assert f"{registry}/hub:" in done.stdout
    assert here(client, registry) == []


def test_playbook_refuses_to_push_to_nowhere():
    done = images.play("push")
    assert done.returncode != 0
    assert "images_registry is empty" in done.stdout
    assert "changed=0" in done.stdout


@pytest.mark.parametrize("name", ["hub", "traefik"])
def test_no_layer_has_the_hosts_certificates(client, name):
    image = client.images.get(images.reference(name))
    history = " ".join(step["CreatedBy"] for step in image.history())
    assert "CERTIFICATE" not in history
    public = "".join(path.read_text() for path in Path("/usr/share/ca-certificates").rglob("*.crt"))
    own = certificates(BUNDLE.read_text()) - certificates(public)
    found = []
    with tarfile.open(fileobj=io.BytesIO(b"".join(image.save())), mode="r:") as saved:
        for layer in (entry for entry in saved if entry.name.endswith("layer.tar") or "/blobs/" in entry.name):
            with contextlib.suppress(tarfile.ReadError), tarfile.open(fileobj=saved.extractfile(layer)) as files:
                found += [entry.name for entry in files if entry.isfile() and suspicious(files, entry, own)]
    assert found == []


def certificates(bundle):
    return set(re.findall("-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", bundle, re.DOTALL))


def suspicious(files, entry, own):
    """Tell whether a file is the secret, or has a certificate that only this host has."""
    if entry.name.startswith("run/secrets/"):
        return entry.size > 0
    if entry.size > 10_000_000 or not entry.name.endswith((".crt", ".pem", ".cer")):
        return False
    content = files.extractfile(entry).read().decode(errors="replace")
    return bool(certificates(content) & own)


def test_traefik_runs_as_its_user(client):
    image = images.reference("traefik")
    assert client.images.get(image).attrs["Config"]["User"] == "64501:64501"
    said = client.containers.run(image, ["version"], remove=True, network_mode="none").decode()
    assert "3.7." in said


def test_edit_that_keeps_the_size_reaches_the_image(client, tmp_path):
    """BuildKit keeps what it was sent, and sends only what looks different."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text('FROM scratch\nCOPY version /\nCMD ["x"]\n')
    for number, version in enumerate(("1.0", "2.0")):
        (context / "version").write_text(version)
        sent = tmp_path / str(number) / "context"
        sent.mkdir(parents=True)
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(context_archive(context)))) as archive:
            archive.extractall(sent, filter="data")
        subprocess.run(["docker", "buildx", "build", "--quiet", "--tag", "hubwright-test/edit", sent], check=True)
        container = client.containers.create("hubwright-test/edit")
        try:
            stream, _ = container.get_archive("/version")
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
                assert archive.extractfile("version").read().decode() == version
        finally:
            container.remove()
    client.images.remove("hubwright-test/edit")
