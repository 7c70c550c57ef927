"""The scripts that a page carries: Vega, Vega-Lite and Vega-Embed in one piece, and every kind of chart, made once a machine.

Altair describes the charts, and vl-convert-python brings the scripts along, so that nothing is fetched. Where either is
missing, a page has no charts, and all else that it has with them.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from tamis.kernels.cache import folder
from tamis.report import chart_parts, charts, charts_ablation, charts_mix

LICENSE = """Vega, Vega-Lite and Vega-Embed
Copyright (c) 2015-2023, University of Washington Interactive Data Lab. All rights reserved.
Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met:
1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in the
documentation and/or other materials provided with the distribution.
3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote products derived from this
software without specific prior written permission.
THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO,
THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR
CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO,
PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF
LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE,
EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
They contain modules of D3 (Copyright 2010-2023 Mike Bostock, ISC licence) and small packages under the ISC and MIT licences."""
"""BSD-3-Clause asks that every copy carries it."""


class Scripts(NamedTuple):
    """What draws charts: the library, and every kind (`charts.KINDS`) as Vega, into which Vega-Lite was compiled already."""

    library: str
    specs: dict[str, Any]


@cache
def scripts() -> Scripts | None:
    """Kept beside compiled kernels, for making them takes two seconds; None where a package is missing."""
    try:
        made_by = [f"{name} {version(name)}" for name in ("altair", "vl-convert-python")]
    except PackageNotFoundError:
        return None
    sources = (Path(module) for module in (charts.__file__, charts_ablation.__file__, charts_mix.__file__, chart_parts.__file__, __file__))
    digest = hashlib.sha256("\n".join([*made_by, *(source.read_text("utf-8") for source in sources)]).encode()).hexdigest()[:16]
    place = folder() / f"charts-{digest}.json"
    with suppress(OSError, ValueError):
        return Scripts(**json.loads(place.read_text("utf-8")))
    made = _made()
    if made is not None:
        _keep(place, made)
    return made


def _made() -> Scripts | None:
    try:
        import altair as alt
        import vl_convert

        of = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])  # the Vega-Lite that Altair speaks
        compiled = {kind: vl_convert.vegalite_to_vega(spec, vl_version=of) for kind, spec in charts.specs().items()}
        library = vl_convert.javascript_bundle(vl_version=of)  # type: ignore[call-arg]  # its stub lacks the default of the first argument
        return Scripts(library, compiled)
    except ImportError:  # built for another system
        return None


def _keep(place: Path, made: Scripts) -> None:
    with suppress(OSError):  # a full disk: the next process makes them again
        handle, temporary = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(made._asdict(), file)
        os.replace(temporary, place)
