"""The child process of the ``sim`` pass: onnxsim from one file to another.

Run as a script in a folder with ``before.onnx``; the one argument is JSON with the options.
Writes ``after.onnx``, or exits with one line about an optimizer that onnxsim does not know.
"""

import json
import sys


def main(text: str) -> None:
    """Simplify ``before.onnx``."""
    options = json.loads(text)
    # Optional for onnxsim (it prints symbolic costs with it) and most of its start-up time.
    sys.modules["sympy"] = None  # type: ignore[assignment]  # how Python hides a module
    import onnxsim
    from onnxsim.onnx_simplifier import C

    onnxsim.simplify(
        "before.onnx",
        output_path="after.onnx",
        perform_optimization=options["optimization"],
        skipped_optimizers=options["skipped"],
        skip_constant_folding=not options["folding"],
        skip_shape_inference=not options["shape_inference"],
        tensor_size_threshold=f"{options['fold_limit']}B",
        certify=False,
    )
    known = C._list_optimizers()  # complete only after a run
    unknown = [name for name in options["skipped"] if name not in known]
    if unknown:
        sys.exit(f"unknown optimizer {', '.join(unknown)}; known: {', '.join(sorted(known))}")


if __name__ == "__main__":
    main(sys.argv[1])
