# hubwright. `make up` deploys to this machine, `make test` runs the whole suite; both install what they need.
# INVENTORY=prod make up deploys to your hosts. ARGS is passed on to ansible-playbook: make up ARGS="--check --diff".

INVENTORY ?= inventories/local
ARGS ?=
PYTHON ?= python3
PLAY = .venv/bin/ansible-playbook -i $(INVENTORY)

.PHONY: help up down clean build build_verbose pull push lint bench lock
.PHONY: test test_machine test_unit test_hub test_docker test_molecule test_browser

help: ## Show this list
	@grep -hE '^[a-z_]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

up: .venv/deploy ## Deploy: a bare host becomes a running platform, a running one converges
	$(PLAY) site.yml $(ARGS)

down: .venv/deploy ## Stop the platform and its labs, keep all data
	$(PLAY) playbooks/teardown.yml $(ARGS)

clean: .venv/deploy ## Remove the platform with all data, after asking (FORCE=1 does not ask)
	$(PLAY) playbooks/teardown.yml -e teardown_data=true $(if $(FORCE),-e teardown_confirm=yes) $(ARGS)

build: .venv/deploy ## Build the images, quietly
	$(PLAY) playbooks/build.yml $(ARGS)

build_verbose: .venv/deploy ## Build the images, showing every step
	$(PLAY) playbooks/build.yml -v $(ARGS)

pull: .venv/deploy ## Pull the images that come from registries
	$(PLAY) playbooks/pull.yml $(ARGS)

push: .venv/deploy ## Push the images we build to images_registry
	$(PLAY) playbooks/push.yml $(ARGS)

test: test_machine test_unit test_hub test_docker test_molecule test_browser ## Run the whole test suite, the quick tiers first

test_machine: .venv/dev
	.venv/bin/ansible-playbook -i inventories/local tests/machine.yml

test_unit: .venv/dev
	.venv/bin/pytest tests/unit

test_hub: .venv/dev .venv/jupyterhub-5.5/dev
	.venv/bin/pytest tests/hub
	.venv/jupyterhub-5.5/bin/pytest tests/hub

test_docker: .venv/dev
	.venv/bin/pytest tests/docker

test_molecule: .venv/dev
	PATH=$(CURDIR)/.venv/bin:$$PATH molecule test --all

test_browser: .venv/dev
	.venv/bin/pytest tests/browser

lint: .venv/dev ## Run every linter
	PATH=$(CURDIR)/.venv/bin:$$PATH .venv/bin/pre-commit run --all-files --config .pre-commit-config.yaml $(ARGS)

bench: test_machine ## Measure, and compare with a peer or a floor of the same run
	PYTHONPATH=files/hub/src:tests:tests/hub .venv/bin/python tests/bench/login_storm.py
	PYTHONPATH=tests .venv/bin/python tests/bench/spawn.py

lock: .venv/dev ## Resolve all dependencies anew and lock them with hashes
	./lock.sh

# The control node's environment. Debian splits Python's venv from Python; root may install it.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("hubwright needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; } \
	  || { echo "hubwright needs Python's venv module: install python3-venv." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/deploy: requirements.lock | .venv/bin/python
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/dev: requirements-dev.lock .venv/deploy
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# The hub's tests run with both JupyterHubs that can be chosen; .venv has the other one.
.venv/jupyterhub-5.5/dev: tests/hub/requirements-5.5.lock | .venv/bin/python
	.venv/bin/python -m venv --clear .venv/jupyterhub-5.5
	.venv/jupyterhub-5.5/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
