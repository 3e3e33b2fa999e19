"""``python -m tests.programs``: install Chromium and what else the tests start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PROGRAMS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "gettext": ("msgfmt",),
    "mosquitto-clients": ("mosquitto_pub",),
}
"""Debian package → names of the program that the tests start, any of which will do."""


def install() -> None:
    """Install what is missing, where this machine lets us; the tests say what was left."""
    missing = [package for package, names in PROGRAMS.items() if not any(map(shutil.which, names))]
    if not missing or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    if "chromium" in missing:
        missing.append("fonts-noto-cjk")  # without it the Chinese pages are empty boxes
    sys.stderr.write(f"Installing for the tests: {', '.join(missing)} ...\n")
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        answer = subprocess.run(
            ["apt-get", *arguments],
            env=quietly,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            sys.stderr.write(f"apt-get {arguments[0]} failed: {answer.stderr.strip()[-300:]}\n")


if __name__ == "__main__":
    install()
