"""The hub's settings: what a sound environment gives, and that every fault is named at once."""

import pytest
from hubwright import settings

SOUND = {
    "HUBWRIGHT_PROJECT": "hubwright",
    "JUPYTERHUB_ADMIN": "ada",
    "TRAEFIK_API_URL": "http://traefik:8080",
    "TRAEFIK_API_PASSWORD_FILE": "set by the fixture",
    "TRAEFIK_RULES_FILE": "/srv/traefik/dynamic/rules.toml",
    "DOCKER_NOTEBOOK_IMAGE": "hubwright/lab:1",
    "DOCKER_NETWORK_NAME": "jupyterhub_network",
}


@pytest.fixture
def sound(tmp_path):
    password = tmp_path / "password"
    password.write_text("sesame\n")
    return {**SOUND, "TRAEFIK_API_PASSWORD_FILE": str(password)}


def test_a_sound_environment_loads_with_documented_defaults(sound):
    loaded = settings.load({**sound, "LAB_MEMORY_LIMIT": "", "PATH": "/bin"})
    assert loaded.base_url == "/jupyterhub/"
    assert loaded.lab_memory is None, "an empty variable means the default"
    assert loaded.traefik_api_password.get_secret_value() == "sesame"
    assert loaded.lab_environment["ENABLE_SERVICE_MLFLOW"] == "0"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("/", "/"), ("/jupyterhub", "/jupyterhub/"), ("/a/b/", "/a/b/")],
)
def test_base_url_ends_with_one_slash(sound, given, expected):
    assert settings.load({**sound, "JUPYTERHUB_BASE_URL": given}).base_url == expected


def test_labs_get_their_part_of_the_contract_and_the_operators_own_variables_win(sound):
    given = {
        **sound,
        "ENABLE_SERVICE_GLANCES": "1",
        "TF_CPP_MIN_LOG_LEVEL": "1",
        "LAB_ENVIRONMENT": '{"TF_CPP_MIN_LOG_LEVEL": "2", "TEAM": "a \'quoted\' $word"}',
    }
    assert settings.load(given).lab_environment == {
        "ENABLE_SERVICE_MLFLOW": "0",
        "ENABLE_SERVICE_GLANCES": "1",
        "ENABLE_SERVICE_TENSORBOARD": "0",
        "ENABLE_GPU_SUPPORT": "0",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TEAM": "a 'quoted' $word",
    }


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("JUPYTERHUB_ADMIN", "", "is not set"),
        ("JUPYTERHUB_ADMIN", "  ", "is not set"),
        ("JUPYTERHUB_ADMIN", "Ada", "must be written 'ada'"),
        ("JUPYTERHUB_ADMIN_BOOTSTRAP", "first", "'signup' or 'seeded'"),
        ("JUPYTERHUB_ENABLE_SIGNUP", "yes", "'0' or '1'"),
        ("JUPYTERHUB_TWO_FACTOR", "2", "'0' or '1'"),
        ("JUPYTERHUB_PASSWORD_LENGTH", "6", "greater than or equal to 8"),
        ("JUPYTERHUB_LOCKOUT_FAILURES", "0", "greater than or equal to 1"),
        ("JUPYTERHUB_LOCKOUT_ADDRESS_FAILURES", "many", "valid integer"),
        ("JUPYTERHUB_LOCKOUT_MINUTES", "0", "greater than or equal to 1"),
        ("JUPYTERHUB_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.300", "not a valid IPv4 or IPv6 network, got '10.0.0.300'"),
        ("JUPYTERHUB_ACCOUNTS_FILE", "/nowhere/accounts", "/nowhere/accounts cannot be read (No such file"),
        ("JUPYTERHUB_BASE_URL", "jupyterhub", "must start with a slash"),
        ("TRAEFIK_API_URL", "traefik:8080", "must be a URL"),
        ("TRAEFIK_API_PASSWORD_FILE", "/nowhere/password", "/nowhere/password cannot be read (No such file"),
        ("DOCKER_NETWORK_NAME", "two words", "two words"),
        ("LAB_MEMORY_LIMIT", "4 GB", "number of bytes"),
        ("LAB_MEMORY_LIMIT", "0", "number of bytes"),
        ("LAB_CPU_LIMIT", "-1", "greater than 0"),
        ("LAB_CPU_LIMIT", "two", "valid number"),
        ("LAB_PIDS_LIMIT", "1", "greater than or equal to 64"),
        ("LAB_START_TIMEOUT", "soon", "valid integer"),
        ("LAB_ENVIRONMENT", "A=1", "JSON"),
        ("LAB_ENVIRONMENT", '{"A": 1}', "valid string"),
        ("DOCKER_THREADS", "0", "greater than or equal to 1"),
        ("ENABLE_SERVICE_MLFLOW", "yes", "'0' or '1'"),
        ("ENABLE_GPU_SUPPORT", "1", "should be '0'"),
        ("TF_CPP_MIN_LOG_LEVEL", "4", "'4'"),
    ],
)
def test_a_fault_is_one_sentence_that_names_its_variable(sound, name, value, says):
    (fault,) = settings.faults({**sound, name: value})
    assert fault.startswith(name)
    assert says in fault
    assert fault.endswith(".")
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("accounts", "says"),
    [
        ("ann", "Invalid JSON"),
        ('{"name": "ann"}', "valid array"),
        ('[{"name": "ann"}]', "0.password: Field required"),
        ('[{"name": "ann", "password": "a secret phrase", "admn": true}]', "0.admn: Extra inputs"),
        ('[{"name": "Ann B", "password": "a secret phrase"}]', "the user name 'Ann B' must be written 'ann b'"),
        ('[{"name": "ann", "password": "secret"}]', "the password of 'ann' must have at least 10 characters"),
        ('[{"name": "ann", "password": "password12"}]', "the password of 'ann' is too easy to guess"),
    ],
)
def test_declared_accounts_keep_to_the_rules_of_all_accounts(sound, tmp_path, accounts, says):
    file = tmp_path / "accounts.json"
    file.write_text(accounts)
    (fault,) = settings.faults({**sound, "JUPYTERHUB_ACCOUNTS_FILE": str(file)})
    assert fault.startswith("JUPYTERHUB_ACCOUNTS_FILE: ")
    assert says in fault
    assert "secret" not in fault
    assert "password12" not in fault


def test_every_fault_is_named_at_once_and_the_hub_does_not_start(sound, capsys):
    broken = {**sound, "JUPYTERHUB_BASE_URL": "x", "LAB_CPU_LIMIT": "0"}
    del broken["DOCKER_NOTEBOOK_IMAGE"]
    with pytest.raises(SystemExit) as exit_:
        settings.load(broken)
    assert exit_.value.code == 78
    said = capsys.readouterr().err
    assert "3 fault(s)" in said
    for name in ("JUPYTERHUB_BASE_URL", "LAB_CPU_LIMIT", "DOCKER_NOTEBOOK_IMAGE"):
        assert name in said


def test_the_password_is_in_no_representation(sound):
    loaded = settings.load(sound)
    assert "sesame" not in repr(loaded) + str(loaded.traefik_api_password)
