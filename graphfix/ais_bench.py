"""``python -m graphfix.ais_bench``: ais_bench's command line, with its exit codes.

Scripts that call ``python3 -m ais_bench`` run unchanged with this name in its place, on an ONNX
file where there is no NPU. ``--msame`` as the first argument takes msame's command line instead.
"""

import sys

from graphfix.cli.infer import ais_bench

if __name__ == "__main__":
    sys.exit(ais_bench(sys.argv[1:], sys.argv))
