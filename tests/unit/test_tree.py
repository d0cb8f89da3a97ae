"""What must hold in the whole repository: roles, modules, templates, and what may not stand in any file."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROLES = sorted(path.parent.parent for path in ROOT.glob("roles/*/tasks/main.yml"))
MODULES = sorted(ROOT.glob("library/*.py"))
CORE = ROOT / "files/hub/src/hubwright/core"
# What a preflight may do: look and refuse.
READING_MODULES = {"assert", "debug", "fail", "import_tasks", "include_tasks", "meta", "set_fact", "slurp"}
READING_MODULES |= {"stat", "uri"}
READING_MODULES |= {module.stem for module in MODULES}

each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def load(path):
    return yaml.safe_load(path.read_text()) or {}


def options(role, entry_point="main"):
    return load(role / "meta/argument_specs.yml")["argument_specs"][entry_point].get("options") or {}


def tasks(items):
    """Return all tasks of a list, those in blocks too."""
    for item in items or []:
        yield item
        for section in ("block", "rescue", "always"):
            yield from tasks(item.get(section))


def role_tasks(role):
    for path in sorted(role.glob("tasks/*.yml")) + sorted(role.glob("handlers/*.yml")):
        for task in tasks(load(path)):
            yield path, task


def test_roles_were_found():
    assert {"certs", "docker", "images", "jupyterhub", "platform", "traefik"} <= {role.name for role in ROLES}


@each_role
def test_every_variable_has_a_default_and_a_type(role):
    optional = {name for name, option in options(role).items() if not option.get("required")}
    assert set(load(role / "defaults/main.yml")) == optional


@each_role
def test_documented_default_is_the_default(role):
    defaults = load(role / "defaults/main.yml")
    documented = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert documented == {name: defaults[name] for name in documented}


@each_role
def test_every_default_has_a_comment(role):
    commented, bare = False, []
    for line in (role / "defaults/main.yml").read_text().splitlines():
        if not line or line.startswith("#"):
            commented = line.startswith("#")
        elif re.match(r"\w+:", line) and not commented:
            bare.append(line)
    assert bare == []


@each_role
def test_preflight_judges_all_of_the_roles_variables(role):
    assert options(role, "preflight") == options(role)


@each_role
def test_preflight_only_looks(role):
    acting = [
        task
        for task in tasks(load(role / "tasks/preflight.yml"))
        if not {key.rpartition(".")[2] for key in task} & READING_MODULES
        and "block" not in task
        and not ("ansible.builtin.command" in task and task.get("changed_when") is False)
    ]
    assert acting == []


def test_site_judges_every_role_before_the_first_one_runs():
    (play,) = load(ROOT / "site.yml")
    imports = [task["ansible.builtin.import_role"] for task in play["pre_tasks"]]
    judged = [entry["name"] for entry in imports if entry["tasks_from"] == "preflight"]
    run = [entry["role"] for entry in play["roles"]]
    assert sorted(judged) == sorted(run) == sorted(role.name for role in ROLES)


@each_role
def test_readme_leads_to_every_variable(role):
    text = (role / "README.md").read_text()
    missing = [name for name in options(role) if name not in text]
    assert not missing or "(defaults/main.yml)" in text


@each_role
def test_every_handler_that_is_notified_exists(role):
    notified = {
        name
        for _, task in role_tasks(role)
        for name in ([task["notify"]] if isinstance(task.get("notify"), str) else task.get("notify") or [])
    }
    handlers = [handler for path in role.glob("handlers/*.yml") for handler in tasks(load(path))]
    assert notified == {handler.get("listen") or handler["name"] for handler in handlers}


@each_role
def test_every_file_a_task_names_exists(role):
    missing = []
    for path, task in role_tasks(role):
        for key, value in task.items():
            kind = key.rpartition(".")[2]
            name = value if isinstance(value, str) else (value or {}).get("file") if isinstance(value, dict) else None
            if kind in {"import_tasks", "include_tasks"} and name and not (path.parent / name).exists():
                missing.append(name)
            source = value.get("src", "") if kind == "template" else ""
            if source and "{{" not in source and not (role / "templates" / source).exists():
                missing.append(source)
    assert missing == []


@pytest.mark.parametrize("template", sorted(ROOT.glob("roles/*/templates/**/*.j2")), ids=lambda path: path.name)
def test_template_parses(template):
    jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False).parse(template.read_text())


def test_every_module_is_documented():
    names = [module.stem for module in MODULES]
    command = [sys.executable, "-m", "ansible", "doc", "--type", "module", "--module-path", "library", "--json", *names]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    documented = json.loads(result.stdout)
    assert sorted(documented) == names
    for name, document in documented.items():
        assert document["doc"]["short_description"], name
        assert document["examples"], name
        assert document["return"], name
        assert {"check_mode", "diff_mode"} <= set(document["doc"]["attributes"]), name


@pytest.mark.parametrize("path", [*MODULES, *sorted(CORE.rglob("*.py"))], ids=lambda path: path.stem)
def test_what_runs_on_the_target_needs_only_an_old_python(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    ours = {"ansible"} if path in MODULES else set()
    assert {name.partition(".")[0] for name in imported} - sys.stdlib_module_names <= ours


def test_modules_and_hub_share_one_source():
    assert (ROOT / "module_utils/hubwright").resolve() == CORE


def test_production_is_what_the_manual_says():
    assert (ROOT / "prod").resolve() == ROOT / "inventories/prod"


# A site uses its own mirrors, so no file may name a package index; nor a path of the machine it was written on.
FORBIDDEN = re.compile(
    r"/work/(main|shared|[.]library)|--(extra-)?index-url"
    r"|deb[.]debian[.]org|pypi[.]org|pythonhosted[.]org|registry[.]npmjs[.]org|proxy[.]golang[.]org"
)


def test_no_file_names_a_package_index_or_this_machine():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    found = [
        f"{name}: {match.group(0)}"
        for name in filter(None, names)
        if (ROOT / name).is_file()
        for match in FORBIDDEN.finditer((ROOT / name).read_text(errors="replace"))
    ]
    assert found == []
