#!/usr/bin/env python3
"""Prints the services of compose.yaml that are built here, one per line:
name, binary and its flags, separated by tabs. Fails on what would only show
at run time: an unknown dependency, a build without a service, a port twice."""
import pathlib
import sys

import yaml


def fail(text):
    sys.exit(f"compose.yaml: {text}")


def main(path):
    with open(path) as file:
        compose = yaml.safe_load(file)
    services = compose.get("services") or fail("no services")
    published = {}
    for name, service in services.items():
        if not ("image" in service or "build" in service):
            fail(f"{name} has neither image nor build")
        for needed in service.get("depends_on", []):
            needed in services or fail(f"{name} depends on {needed}, which is not there")
        for port in service.get("ports", []):
            outside = port.rsplit(":", 1)[0]
            outside.startswith("127.0.0.1:") or fail(f"{name} publishes {port} beyond loopback")
            outside in published and fail(f"{name} and {published[outside]} both publish {outside}")
            published[outside] = name
        for volume in service.get("volumes", []):
            source = volume.split(":", 1)[0]
            if source.startswith("."):
                (pathlib.Path(path).parent / source).exists() or fail(f"{name} mounts {source}, which is missing")
            elif source not in compose.get("volumes", {}):
                fail(f"{name} uses the undeclared volume {source}")
        if "build" in service:
            binary = service["build"].get("args", {}).get("SERVICE") or fail(f"{name} is built without SERVICE")
            print("\t".join([name, binary, *service["command"]]))


if __name__ == "__main__":
    main(sys.argv[1])
