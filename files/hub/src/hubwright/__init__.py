"""The hub side of hubwright: what the hub image adds to JupyterHub."""

__version__ = "0.1.0"
