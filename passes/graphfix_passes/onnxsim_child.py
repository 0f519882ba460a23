"""The child process of the ``sim`` pass: onnxsim from one file to another.

Run as a script in a folder with ``before.onnx``; the one argument is JSON with the options.
Writes ``after.onnx``, or exits with one line about an optimizer that onnxsim does not know.
"""

import inspect
import json
import sys


def main(text: str) -> None:
    """Simplify ``before.onnx``."""
    options = json.loads(text)
    # Optional for onnxsim (it prints symbolic costs with it) and most of its start-up time.
    sys.modules["sympy"] = None  # type: ignore[assignment]  # how Python hides a module
    import onnx
    import onnxsim
    from onnxsim.onnx_simplifier import C

    # onnxsim 0.8 writes the file itself, with weights beside it; 0.7, the last one for Python 3.10,
    # hands the model over.
    writes = "output_path" in inspect.signature(onnxsim.simplify).parameters
    new_options = {"output_path": "after.onnx", "certify": False} if writes else {}
    model, _ = onnxsim.simplify(
        "before.onnx",
        perform_optimization=options["optimization"],
        skipped_optimizers=[*options["foreign"], *options["skipped"]],
        skip_constant_folding=not options["folding"],
        skip_shape_inference=not options["shape_inference"],
        tensor_size_threshold=f"{options['fold_limit']}B",
        **new_options,
    )
    if not writes:
        onnx.save(model, "after.onnx", save_as_external_data=True)
    known = C._list_optimizers()  # complete only after a run
    unknown = [name for name in options["skipped"] if name not in known]
    if unknown:
        sys.exit(f"unknown optimizer {', '.join(unknown)}; known: {', '.join(sorted(known))}")


if __name__ == "__main__":
    main(sys.argv[1])
