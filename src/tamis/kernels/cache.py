"""Where compiled kernels are kept, and whether they are there. Nothing here imports numba.

The folder is `$TAMIS_CACHE_DIR`, or the user's cache folder; where that cannot be written, a folder of this user's in
the temporary folder, begun with a copy of what could be read. Inside it, one folder for every combination of package
versions, Python, CPU and kernel sources, so nothing in it ever goes stale and no worker ever waits for another.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import stat
import sys
import tempfile
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_CPU_LINES = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU implementer", "CPU part", "CPU variant")
_SHIPPED = Path(__file__).parent


def modules() -> list[str]:
    """The names of all kernel modules, such as "tamis.kernels.quality"."""
    return [f"{__package__}.{path.stem}" for path in sorted(_SHIPPED.glob("*.py")) if "\n@kernel(" in path.read_text("utf-8")]


def compiled(*names: str) -> bool:
    """Whether every one of these modules was compiled on this machine, as it is now."""
    return all((folder() / f"{name}.compiled").exists() for name in names)


def has(module: str) -> bool:
    """Whether numba keeps something of this kernel module here: at least one of its kernels."""
    return any(folder().glob(f"*/{module.rpartition('.')[2]}.*.nbi"))


def mark_compiled(*names: str) -> None:
    """Note that these modules are compiled; call it after importing them."""
    for name in names:
        try:
            (folder() / f"{name}.compiled").touch()
        except OSError:  # a full disk: the next process compiles again
            return


@cache
def folder() -> Path:
    """The folder of kernels compiled for this machine: it exists and can be written."""
    wanted = preferred() / key()
    if _writable(wanted):
        return wanted
    own = _temporary() / key()
    if not own.exists() and os.access(wanted, os.R_OK | os.X_OK):
        half = Path(tempfile.mkdtemp(dir=own.parent))
        shutil.copytree(wanted, half, dirs_exist_ok=True, copy_function=shutil.copyfile)
        try:
            half.rename(own)
        except OSError:  # another worker was faster
            shutil.rmtree(half, ignore_errors=True)
    own.mkdir(exist_ok=True)
    return own


def preferred() -> Path:
    """Where kernels are kept if it can be written."""
    if named := os.environ.get("TAMIS_CACHE_DIR"):
        return Path(named).expanduser()
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif sys.platform == "darwin":
        root = "~/Library/Caches"
    else:
        root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expanduser(root)) / "tamis"


def key() -> str:
    """A name for all that compiled code depends on."""
    facts = [sys.version, platform.system(), platform.machine(), _cpu(), str(_SHIPPED)]
    facts += [_version("numba"), _version("llvmlite"), _version("numpy")]
    facts += [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("NUMBA_CPU_")]
    digest = hashlib.sha256("\n".join(facts).encode())
    for path in sorted(_SHIPPED.glob("*.py")):
        digest.update(path.read_bytes())
    return f"kernels-{digest.hexdigest()[:16]}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _cpu() -> str:
    """What tells this model of CPU from another."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", errors="replace")
    except OSError:
        return platform.processor()
    first = text.strip().split("\n\n")[0].splitlines()
    return "\n".join(line for line in first if line.split("\t")[0].strip() in _CPU_LINES)


def _writable(path: Path) -> bool:
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError:
        return False
    return True


def _temporary() -> Path:
    """A folder in the temporary folder that belongs to this user alone: what numba loads from it is executed."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    path = Path(tempfile.gettempdir()) / f"tamis-{user}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not hasattr(os, "getuid") or (stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o022):
        return path
    return Path(tempfile.mkdtemp(prefix="tamis-"))
