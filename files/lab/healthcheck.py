"""Exit 0 when the lab answers where its hub told it to listen, 1 otherwise. Standard library only, run without site."""

import http.client
import os
import sys
from urllib.parse import urlsplit

service = urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL") or "http://127.0.0.1:8888/")
connection = http.client.HTTPConnection("127.0.0.1", service.port or 80, timeout=4)
try:
    connection.request("GET", service.path.rstrip("/") + "/api")  # answers without a login
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"the lab does not answer: {error}")
if status != http.client.OK:
    sys.exit(f"the lab answers HTTP {status}")
