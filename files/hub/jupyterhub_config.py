"""JupyterHub's configuration: what hubwright decides, from the settings that Ansible rendered.

To change something hubwright does not ask about, use `jupyterhub_extra_config` of the inventory: its files are
loaded last, in the order of their names.
"""

import os
from pathlib import Path

import hubwright.database  # prepares SQLite connections
from hubwright import settings
from hubwright.accounts import waiting
from hubwright.authenticator import HubwrightAuthenticator
from hubwright.spawner import RESTARTS, LabSpawner
from jupyterhub_traefik_proxy.fileprovider import TraefikFileProviderProxy

s = settings.load(os.environ)

# The hub, as browsers and as labs see it. There is no public_url: with it, whoever came by another name of the host
# or by its address would be sent to that one name, and lose the cookies of the other.
c.JupyterHub.bind_url = f"https://:443{s.base_url}"
c.JupyterHub.hub_bind_url = "http://0.0.0.0:8081"
c.JupyterHub.hub_connect_url = f"http://{s.hub_host}:8081"
c.JupyterHub.db_url = f"sqlite:///{s.data_dir / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(s.data_dir / "jupyterhub_cookie_secret")
# Labs and their routes outlive the hub: restarting or upgrading it interrupts nobody.
c.JupyterHub.cleanup_servers = False

# Other sites' pages cannot use the cookies of the hub and of labs, except by a link to them.
c.JupyterHub.tornado_settings = {"cookie_options": {"samesite": "Lax"}}

# The proxy is the Traefik that also does TLS.
c.JupyterHub.proxy_class = TraefikFileProviderProxy
c.TraefikProxy.should_start = False
c.TraefikProxy.enable_setup_dynamic_config = False  # role traefik defines the API's router
c.TraefikProxy.traefik_entrypoint = "https"
c.TraefikProxy.traefik_api_url = s.traefik_api_url
c.TraefikProxy.traefik_api_username = "jupyterhub"
c.TraefikProxy.traefik_api_password = s.traefik_api_password.get_secret_value()
c.TraefikFileProviderProxy.dynamic_config_file = str(s.traefik_rules_file)

# Accounts: people register themselves, an administrator lets them in.
c.JupyterHub.authenticator_class = HubwrightAuthenticator
c.JupyterHub.template_paths = [str(Path(hubwright.__file__).with_name("templates"))]
c.JupyterHub.template_vars = {"accounts_waiting": waiting}
c.Authenticator.admin_users = {s.admin}
c.Authenticator.allow_all = True  # everyone whom NativeAuthenticator calls authorized
c.NativeAuthenticator.enable_signup = s.enable_signup == "1"
c.NativeAuthenticator.open_signup = False
c.NativeAuthenticator.minimum_password_length = s.password_length
c.NativeAuthenticator.allow_2fa = s.two_factor == "1"
c.NativeAuthenticator.allowed_failed_logins = s.lockout_failures
c.NativeAuthenticator.seconds_before_next_try = s.lockout_minutes * 60
c.HubwrightAuthenticator.address_failed_logins = s.lockout_address_failures
c.HubwrightAuthenticator.shared_address = s.shared_address
c.HubwrightAuthenticator.trusted_proxies = s.trusted_proxies
c.HubwrightAuthenticator.lab_prefix = s.lab_name_prefix
c.HubwrightAuthenticator.bootstrap_admin = s.admin if s.admin_bootstrap == "signup" else ""
c.HubwrightAuthenticator.declared = s.accounts

# Labs.
c.JupyterHub.spawner_class = LabSpawner
c.LabSpawner.docker_threads = s.docker_threads
c.DockerSpawner.image = s.lab_image
c.DockerSpawner.pull_policy = "ifnotpresent"
c.DockerSpawner.prefix = s.lab_name_prefix
c.DockerSpawner.network_name = s.network_name
c.DockerSpawner.use_internal_hostname = True  # an address may change when the engine restarts a lab, its name never
c.DockerSpawner.remove = True
c.DockerSpawner.volumes = {
    f"{s.lab_name_prefix}-{{username}}_home": "/home",
    f"{s.lab_name_prefix}-{{username}}_workspace": "/home/lab/workspace",
    f"{s.lab_name_prefix}-{{username}}_cache": "/home/lab/.cache",
    s.shared_volume: "/mnt/shared",
}
c.DockerSpawner.extra_create_kwargs = {"labels": {"org.hubwright.project": s.project}}
c.DockerSpawner.extra_host_config = {
    "auto_remove": False,  # the hub removes a stopped lab; one that crashed keeps its log until the next start
    "cap_drop": ["NET_RAW"],  # no forged packets on the network labs share with the hub
    "init": True,
    "pids_limit": s.lab_pids,
    "restart_policy": {"Name": "on-failure", "MaximumRetryCount": RESTARTS},
    "security_opt": ["no-new-privileges"],
}
# On the base class, where JupyterHub's documentation has them: an operator's `c.Spawner.environment["X"] = ...` adds.
c.Spawner.environment = s.lab_environment
c.Spawner.mem_limit = s.lab_memory
c.Spawner.cpu_limit = s.lab_cpus
c.Spawner.start_timeout = s.start_timeout
c.Spawner.http_timeout = s.start_timeout

# In this very namespace: load_subconfig would give each file a `c` that knows nothing of the above.
for extra in sorted(Path("/etc/jupyterhub/config.d").glob("*.py")):
    exec(compile(extra.read_text(encoding="utf-8"), extra, "exec"))  # noqa: S102 - the operator's own
