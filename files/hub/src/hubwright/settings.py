"""The hub's settings, read from the environment that Ansible renders.

The environment is the public contract (`roles/jupyterhub/templates/jupyterhub.env.j2` writes it, operators may
override it in Compose); this module is the only one that reads it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json, SecretStr, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

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


Name = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Size = Annotated[str, AfterValidator(_size)]
Switch = Literal["0", "1"]
Url = Annotated[str, AfterValidator(_url)]


class Settings(BaseModel):
    """Everything the hub is told. Each field's alias is its environment variable.

    Sizes are bytes with an optional K, M, G or T; times are seconds.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    project: Annotated[Name, Field(alias="HUBWRIGHT_PROJECT")]
    """Label of everything that belongs to this platform, for hosts that carry several."""
    admin: Annotated[str, Field(alias="JUPYTERHUB_ADMIN", min_length=1)]
    """Name of the first administrator."""
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
    try:
        settings.traefik_api_password  # noqa: B018 - read to see whether it can be
    except OSError as error:
        return [f"TRAEFIK_API_PASSWORD_FILE: {error.filename} cannot be read ({error.strerror})."]
    return []


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
