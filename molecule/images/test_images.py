"""The images are run."""

import pytest


@pytest.fixture
def images(host):
    """Return the references of the machine's images by their last part."""
    references = host.check_output("docker images --format '{{.Repository}}:{{.Tag}}'").split()
    return {reference.rpartition(":")[0].rpartition("/")[2]: reference for reference in references}


def test_images_run(host, images):
    assert host.check_output(f"docker run --rm --entrypoint jupyterhub {images['hub']} --version").startswith("6.1.")
    assert "Version:      3.7" in host.check_output(f"docker run --rm --entrypoint traefik {images['traefik']} version")


def test_hub_is_an_ordinary_user(host, images):
    assert host.check_output(f"docker run --rm --entrypoint id {images['hub']} -u") == "64500"


def test_tags_are_hashes_and_the_operators_image_is_left_alone(images):
    assert images["lab"] == "operators/lab:1"
    for name in ("base", "hub", "traefik"):
        int(images[name].rpartition(":")[2], 16)


def test_an_image_that_cannot_be_had_is_named_before_anything_changes(converge):
    run = converge(jupyterhub_lab_image="registry.invalid/lab:1")
    assert run.returncode != 0
    assert "jupyterhub_lab_image" in run.stdout
    assert "changed=0" in run.stdout
