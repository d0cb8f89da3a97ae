#!/bin/sh
# Resolve every dependency anew and lock it with hashes: the control node's, the hub image's (for each JupyterHub that
# can be chosen) and the lab image's. No lock names an index: a site's own mirror configuration is used as it is.
set -eu
cd "$(dirname "$0")"

lock() {
    "${UV:-.venv/bin/uv}" pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
        --upgrade "$@"
}

lock pyproject.toml --output-file requirements.lock
# The tests import what the hub image carries, at the JupyterHub it carries by default.
echo "jupyterhub==6.1.*" |
    lock pyproject.toml --group dev files/hub/pyproject.toml --constraint /dev/stdin --output-file requirements-dev.lock
# And with the other one, in an environment of its own.
echo "jupyterhub==5.5.*" |
    lock files/hub/pyproject.toml tests/hub/requirements.in --constraint /dev/stdin \
        --output-file tests/hub/requirements-5.5.lock
for jupyterhub in 6.1 5.5; do
    echo "jupyterhub==$jupyterhub.*" |
        lock --python-version 3.11 files/hub/pyproject.toml files/hub/requirements.in --constraint /dev/stdin \
            --output-file "files/hub/requirements-$jupyterhub.lock"
done
lock --python-version 3.13 files/lab/requirements.in --output-file files/lab/requirements.lock
