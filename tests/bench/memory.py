"""Peak memory of ``deshimmer fix`` on a short clip and on one ten times as long: frames stream, so it must not grow.

python tests/bench/memory.py [--out FILE.md]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from clipmaker import exposure_flicker, pan, write

COMMANDS = {
    "diagnose": ["diagnose"],
    "fix --route smooth": ["fix", "--route", "smooth"],
    "fix --route deband": ["fix", "--route", "deband"],
}


def peak_mib(arguments: list[str]) -> float:
    """Peak resident memory, MiB, of the command's own process; its encoders are children and not counted. Linux only.

    Not getrusage's figure, which a process inherits from the one that started it.
    """
    code = (
        "import sys\nfrom pathlib import Path\nfrom deshimmer.daemon.cli import main\n"
        "try:\n    main(sys.argv[1:])\nfinally:\n    print(Path('/proc/self/status').read_text(), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    (peak_kib,) = re.findall(r"VmHWM:\s+(\d+) kB", result.stderr)
    return int(peak_kib) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = ["| command | 48 frames, MiB | 480 frames, MiB | ratio |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as temporary:
        clips: list[Path] = []
        for frames in (48, 480):
            shots = exposure_flicker(pan(48, (640, 360), "coffee"))
            clips.append(write(Path(temporary) / f"{frames}.mp4", (shots[index % 48] for index in range(frames))))
        for name, command in COMMANDS.items():
            short, long = (peak_mib([*command, str(clip)]) for clip in clips)
            rows.append(f"| `{name}` | {short:.0f} | {long:.0f} | {long / short:.2f} |")
    text = "\n".join(rows)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
