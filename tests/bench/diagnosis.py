"""The diagnosis measured: on labelled clips, on clips made with a known defect, under changes that should not matter, and its cost.

python tests/bench/diagnosis.py [--clips DIR] [--out FILE.md] [--section NAME ...] [--quick]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import calibration
import invariance
import labelled
import speed
import synthetic

SHARED = Path(__file__).resolve().parents[3] / "shared" / "clips"


@dataclass(frozen=True)
class Bench:
    """What several sections share is measured once."""

    clips: Path
    is_quick: bool

    @cached_property
    def judged(self) -> list[labelled.Judged]:
        return list(labelled.judge(self.clips))

    @cached_property
    def made(self) -> list[synthetic.Made]:
        return synthetic.judge(self.clips, quick=self.is_quick)

    def labelled(self) -> str:
        return labelled.section(self.judged) if self.judged else "The labelled clips are not here."

    def calibration(self) -> str:
        return calibration.section(self.judged, self.made)

    def synthetic(self) -> str:
        return synthetic.section(self.made)

    def invariance(self) -> str:
        return invariance.section(self.clips, quick=self.is_quick) if labelled.labels(self.clips) else "The labelled clips are not here."

    def speed(self) -> str:
        with TemporaryDirectory() as folder:
            return speed.section(Path(folder), quick=self.is_quick)


SECTIONS: dict[str, tuple[str, Callable[[Bench], str]]] = {
    "labelled": ("Labelled clips", Bench.labelled),
    "calibration": ("Calibration", Bench.calibration),
    "synthetic": ("Synthetic clips", Bench.synthetic),
    "invariance": ("Invariance", Bench.invariance),
    "speed": ("Speed", Bench.speed),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=SHARED, help="folder with MANIFEST.tsv")
    parser.add_argument("--out", type=Path, help="write the report here too")
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="only these")
    parser.add_argument("--quick", action="store_true", help="few synthetic clips, one process, nothing timed twice")
    arguments = parser.parse_args()
    bench = Bench(arguments.clips, arguments.quick)
    text = "\n\n".join(_reported(name, bench) for name in arguments.section)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def _reported(name: str, bench: Bench) -> str:
    title, measure = SECTIONS[name]
    started = time.monotonic()
    text = measure(bench)
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return f"### {title}\n\n{text}"


if __name__ == "__main__":
    main()
