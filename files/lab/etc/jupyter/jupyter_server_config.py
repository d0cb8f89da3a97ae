"""The lab's server: where it opens, and the services that its environment switches on."""

import os
from pathlib import Path

WORKSPACE = Path("/home/lab/workspace")
MLFLOW = WORKSPACE / "mlflow"
MLFLOW_DATABASE = f"sqlite:///{MLFLOW}/mlflow.db"


def service(title: str, command: list[str], **options: object) -> dict[str, object]:
    """Describe one server for jupyter-server-proxy, which starts it at its first visit, on a free loopback port."""
    name = title.lower()
    icon = f"/opt/lab/share/icons/{name}.svg"
    return {
        "command": command,
        "timeout": 180,  # seconds; MLflow needs ten to start on an idle machine, and many labs may share a busy one
        # JupyterLab shows a service's own icon among the notebooks only, where jupyter-server-proxy puts it.
        "launcher_entry": {"title": title, "icon_path": icon},
        **options,
    }


SERVICES = {
    "mlflow": service(
        "MLflow",
        # Plain paths instead of MLflow's artifact proxy: notebooks write to the database without this server running.
        [
            *["mlflow", "server", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"],
            *["--backend-store-uri", MLFLOW_DATABASE],
            *["--no-serve-artifacts", "--default-artifact-root", str(MLFLOW / "artifacts")],
        ],
        environment={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        # MLflow refuses hosts and origins other than its own, to guard against pages that reach it past any login.
        # Nothing reaches this one but through the lab's login, and it takes JSON only, which no foreign page can send.
        request_headers_override={"Host": "localhost:{port}", "Origin": "http://localhost:{port}"},
    ),
    "glances": service(
        "Glances",
        # Not the network: no update check, no search for other Glances, no cloud metadata address.
        [
            *["glances", "--webserver", "--bind", "127.0.0.1", "--port", "{port}"],
            *["--disable-check-update", "--disable-autodiscover", "--disable-plugin", "cloud"],
        ],
        # An open Glances tab polls for ever and would keep an idle lab from being culled.
        update_last_activity=False,
    ),
    "tensorboard": service(
        "TensorBoard",
        ["tensorboard", "--host", "127.0.0.1", "--port", "{port}", "--logdir", str(WORKSPACE / "tensorboard")],
    ),
}

enabled = {name: server for name, server in SERVICES.items() if os.environ.get(f"ENABLE_SERVICE_{name.upper()}") == "1"}
c.ServerProxy.servers = enabled

if "mlflow" in enabled:
    MLFLOW.mkdir(exist_ok=True)
    # Inherited by kernels and terminals, so that `mlflow.log_metric(...)` lands where the launcher's MLflow looks.
    os.environ.setdefault("MLFLOW_TRACKING_URI", MLFLOW_DATABASE)

# The file browser opens in the workspace and can go up to the rest of the user's home.
if "JUPYTERHUB_ROOT_DIR" not in os.environ:  # the hub's Spawner.notebook_dir
    c.ServerApp.root_dir = str(WORKSPACE.parent)
    c.ServerApp.preferred_dir = str(WORKSPACE)
# Installing extensions from the browser needs a server that may write to its own environment.
c.LabApp.extension_manager = "readonly"
