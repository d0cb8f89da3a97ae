"""What Ansible's modules and the hub image must agree on: standard library only, Python 3.9 upward."""
