"""The hub's settings, read from the environment that Ansible renders.

The environment is the public contract (`roles/jupyterhub/templates/jupyterhub.env.j2` writes it, operators may
override it in Compose); this module is the only one that reads it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    Json,
    SecretStr,
    TypeAdapter,
    ValidationError,
)

from hubwright.core.accounts import name_fault, password_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONFIG_ERROR = 78
"""Exit status for a faulty configuration (EX_CONFIG of sysexits.h)."""

_SIZE = re.compile(r"[1-9][0-9]*[KMGT]?")


def _base_url(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("must start with a slash, for example /jupyterhub")
    return value.rstrip("/") + "/"


def _size(value: str) -> str:
    if not _SIZE.fullmatch(value):
        raise ValueError("must be a number of bytes with an optional K, M, G or T, for example 4G")
    return value


def _url(value: str) -> str:
    if not re.match(r"https?://[^/]+", value):
        raise ValueError("must be a URL with http:// or https:// and a host")
    return value


def _networks(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


Name = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Size = Annotated[str, AfterValidator(_size)]
Switch = Literal["0", "1"]
Url = Annotated[str, AfterValidator(_url)]


class DeclaredAccount(BaseModel):
    """An account the inventory declares. What is None is left as it is, and false for a new account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    password: SecretStr
    """The first one: an account that exists keeps its own."""
    must_change: bool = True
    """Whether a new account has to choose another password before its first login."""
    admin: bool | None = None
    authorized: bool | None = None
    groups: list[str] | None = None
    """All the groups the user is to be a member of."""


_DECLARED = TypeAdapter(list[DeclaredAccount])


class Settings(BaseModel):
    """Everything the hub is told. Each field's alias is its environment variable.

    Sizes are bytes with an optional K, M, G or T; times are seconds.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    project: Annotated[Name, Field(alias="HUBWRIGHT_PROJECT")]
    """Label of everything that belongs to this platform, for hosts that carry several."""
    admin: Annotated[str, Field(alias="JUPYTERHUB_ADMIN", min_length=1)]
    """Name of the first administrator."""
    admin_bootstrap: Annotated[Literal["signup", "seeded"], Field(alias="JUPYTERHUB_ADMIN_BOOTSTRAP")] = "seeded"
    """Whether the first administrator signs up, before anybody else can, or is among the declared accounts."""
    accounts_file: Annotated[Path | None, Field(alias="JUPYTERHUB_ACCOUNTS_FILE")] = None
    """Accounts the inventory declares, as a JSON list of `DeclaredAccount`."""
    enable_signup: Annotated[Switch, Field(alias="JUPYTERHUB_ENABLE_SIGNUP")] = "1"
    two_factor: Annotated[Switch, Field(alias="JUPYTERHUB_TWO_FACTOR")] = "0"
    """Whether people may protect a new account with one-time codes."""
    password_length: Annotated[int, Field(alias="JUPYTERHUB_PASSWORD_LENGTH", ge=8, le=24)] = 10
    lockout_failures: Annotated[int, Field(alias="JUPYTERHUB_LOCKOUT_FAILURES", ge=1)] = 5
    """Failed logins under one name after which it is locked."""
    lockout_address_failures: Annotated[int, Field(alias="JUPYTERHUB_LOCKOUT_ADDRESS_FAILURES", ge=1)] = 5
    """Failed logins from one address after which it is locked."""
    lockout_minutes: Annotated[int, Field(alias="JUPYTERHUB_LOCKOUT_MINUTES", ge=1)] = 10
    shared_address: Annotated[str, Field(alias="JUPYTERHUB_SHARED_ADDRESS")] = ""
    """What clients look like whose address Docker hides: the lab network's gateway."""
    trusted_proxies: Annotated[
        list[IPvAnyNetwork], Field(alias="JUPYTERHUB_TRUSTED_PROXIES"), BeforeValidator(_networks)
    ] = []
    """Who may tell the hub a client's address: Traefik, and load balancers in front of it."""
    base_url: Annotated[str, Field(alias="JUPYTERHUB_BASE_URL"), AfterValidator(_base_url)] = "/jupyterhub/"
    hub_host: Annotated[Name, Field(alias="JUPYTERHUB_HUB_HOST")] = "jupyterhub"
    """Name under which labs and Traefik reach the hub on the lab network."""
    data_dir: Annotated[Path, Field(alias="JUPYTERHUB_DATA_DIR")] = Path("/data")

    traefik_api_url: Annotated[Url, Field(alias="TRAEFIK_API_URL")]
    traefik_api_password_file: Annotated[Path, Field(alias="TRAEFIK_API_PASSWORD_FILE")]
    traefik_rules_file: Annotated[Path, Field(alias="TRAEFIK_RULES_FILE")]

    lab_image: Annotated[str, Field(alias="DOCKER_NOTEBOOK_IMAGE", min_length=1)]
    network_name: Annotated[Name, Field(alias="DOCKER_NETWORK_NAME")]
    lab_name_prefix: Annotated[Name, Field(alias="LAB_NAME_PREFIX")] = "jupyterlab"
    """Labs are called `<prefix>-<user>`, their volumes `<prefix>-<user>_home` and so on."""
    shared_volume: Annotated[Name, Field(alias="LAB_SHARED_VOLUME")] = "jupyterhub_shared"
    lab_memory: Annotated[Size | None, Field(alias="LAB_MEMORY_LIMIT")] = None
    lab_cpus: Annotated[float | None, Field(alias="LAB_CPU_LIMIT", gt=0)] = None
    lab_pids: Annotated[int, Field(alias="LAB_PIDS_LIMIT", ge=64)] = 4096
    start_timeout: Annotated[int, Field(alias="LAB_START_TIMEOUT", gt=0)] = 120
    docker_threads: Annotated[int, Field(alias="DOCKER_THREADS", ge=1, le=64)] = 8
    """How many Docker calls may run at the same time."""

    enable_mlflow: Annotated[Switch, Field(alias="ENABLE_SERVICE_MLFLOW")] = "0"
    enable_glances: Annotated[Switch, Field(alias="ENABLE_SERVICE_GLANCES")] = "0"
    enable_tensorboard: Annotated[Switch, Field(alias="ENABLE_SERVICE_TENSORBOARD")] = "0"
    gpu_support: Annotated[Literal["0"], Field(alias="ENABLE_GPU_SUPPORT")] = "0"
    """Only 0: hubwright does not give GPUs to labs yet."""
    lab_extra_environment: Annotated[Json[dict[str, str]], Field(alias="LAB_ENVIRONMENT")] = {}
    """Further variables of every lab: a JSON object of strings."""
    tf_log_level: Annotated[Literal["0", "1", "2", "3"], Field(alias="TF_CPP_MIN_LOG_LEVEL")] = "3"

    @property
    def lab_environment(self) -> dict[str, str]:
        """What every lab is told: its part of the contract, then the operator's own variables, which win."""
        return {
            "ENABLE_SERVICE_MLFLOW": self.enable_mlflow,
            "ENABLE_SERVICE_GLANCES": self.enable_glances,
            "ENABLE_SERVICE_TENSORBOARD": self.enable_tensorboard,
            "ENABLE_GPU_SUPPORT": self.gpu_support,
            "TF_CPP_MIN_LOG_LEVEL": self.tf_log_level,
            **self.lab_extra_environment,
        }

    @property
    def accounts(self) -> list[DeclaredAccount]:
        """The accounts the inventory declares.

        Raises:
            OSError: the file cannot be read.
            ValidationError: it is not what it should be.
        """
        if self.accounts_file is None:
            return []
        return _DECLARED.validate_json(self.accounts_file.read_bytes())

    @property
    def traefik_api_password(self) -> SecretStr:
        """The password Traefik's API asks for.

        Raises:
            OSError: the file cannot be read.
        """
        return SecretStr(self.traefik_api_password_file.read_text(encoding="utf-8").strip())


def faults(environ: Mapping[str, str]) -> list[str]:
    """Every fault in `environ`, one sentence each; empty when it is sound."""
    try:
        settings = Settings.model_validate(_given(environ))
    except ValidationError as error:
        return [_sentence(fault) for fault in error.errors(include_url=False)]
    return [*_unreadable(settings), *_account_faults(settings)]


def _unreadable(settings: Settings) -> Iterator[str]:
    try:
        settings.traefik_api_password  # noqa: B018 - read to see whether it can be
    except OSError as error:
        yield f"TRAEFIK_API_PASSWORD_FILE: {error.filename} cannot be read ({error.strerror})."


def _account_faults(settings: Settings) -> Iterator[str]:
    what = "JUPYTERHUB_ACCOUNTS_FILE"
    if fault := name_fault(settings.admin, settings.lab_name_prefix):
        yield f"JUPYTERHUB_ADMIN {settings.admin!r} {fault}"
    try:
        accounts = settings.accounts
    except OSError as error:
        yield f"{what}: {error.filename} cannot be read ({error.strerror})."
        return
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            yield f"{what}: {'.'.join(map(str, detail['loc'])) or 'the file'}: {detail['msg']}."
        return
    for account in accounts:
        if fault := name_fault(account.name, settings.lab_name_prefix):
            yield f"{what}: the user name {account.name!r} {fault}"
        if fault := password_fault(account.password.get_secret_value(), account.name, settings.password_length):
            yield f"{what}: the password of {account.name!r} {fault}"


def load(environ: Mapping[str, str]) -> Settings:
    """Read `environ`; on any fault, print all of them and leave with status 78 before the hub starts."""
    found = faults(environ)
    if found:
        lines = "\n".join(f"  - {fault}" for fault in found)
        sys.stderr.write(f"hubwright: the hub's environment has {len(found)} fault(s):\n{lines}\n")
        raise SystemExit(CONFIG_ERROR)
    return Settings.model_validate(_given(environ))


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    # Compose turns an unset variable into an empty one: both mean "the default".
    return {name: value for name, value in environ.items() if value.strip()}


def _sentence(fault: Mapping[str, Any]) -> str:
    name = fault["loc"][0]
    if fault["type"] == "missing":
        return f"{name} is not set; it has no default."
    what = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{name} {what}, got {fault['input']!r}."
