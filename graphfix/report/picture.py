"""A rewrite site as a picture: the nodes before beside the nodes after."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import onnx_ir as ir

from graphfix.report.layout import BOX_HEIGHT, Box, Drawing, place
from graphfix.rewrite.site import NodeSketch, Site

LARGEST = 64
"""Nodes of one side that are drawn; of more only their number by operator is told."""
LABEL = 26
"""Characters of a label; the whole text shows when the pointer rests on it."""


def form(site: Site) -> tuple[Any, ...]:
    """What two sites that make the same picture have in common, names aside."""
    return tuple(
        _side_form(nodes, [name for name, _ in site.pairs] if side else [n for _, n in site.pairs])
        for side, nodes in ((True, site.before), (False, site.after))
    )


def _side_form(nodes: Sequence[NodeSketch], results: Sequence[str]) -> tuple[Any, ...]:
    number: dict[str | None, int] = {None: -1}
    shape: list[Any] = []
    for node in nodes:
        read = tuple(number.setdefault(name, len(number)) for name in node.inputs)
        made = tuple(number.setdefault(name, len(number)) for name in node.outputs)
        shape.append((node.node.domain, node.node.op_type, read, made))
    return (*shape, tuple(number.get(name, -2) for name in results))


def picture(site: Site) -> str:
    """HTML: two figures, or lists of operators where a side is too large to be read."""
    sides = (
        ("before", site.before, tuple(old for old, _ in site.pairs)),
        ("after", site.after, tuple(new for _, new in site.pairs)),
    )
    figures = "".join(
        f"<figure><figcaption>{title}</figcaption>{_side(site, nodes, results)}</figure>"
        for title, nodes, results in sides
    )
    return f'<div class="pair">{figures}</div>{_differences(site)}'


def _differences(site: Site) -> str:
    """Where both sides look alike, what differs all the same."""
    before, after = form(site)
    if before != after:
        return ""
    told = dict.fromkeys(
        f"{old.node.op_type}: {name} {was} → {now}"
        for old, new in zip(site.before, site.after, strict=True)
        for name, was, now in _changed(_attributes(old), _attributes(new))
    )
    text = "; ".join(told) or "the nodes are the same, made anew"
    return f'<p class="dim">{_safe(text)}</p>'


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str, str]]:
    names = sorted({*before, *after})
    pairs = [(name, before.get(name, "absent"), after.get(name, "absent")) for name in names]
    return [(name, was, now) for name, was, now in pairs if was != now]


def _attributes(node: NodeSketch) -> dict[str, str]:
    return {
        a.name: f"@{a.ref_attr_name}" if a.is_ref() else str(a.value)
        for a in node.attributes
        if not isinstance(a.value, (ir.TensorProtocol, ir.Graph))
    }


def _side(site: Site, nodes: Sequence[NodeSketch], results: Sequence[str]) -> str:
    if not nodes:
        return "<p>no nodes</p>"
    if len(nodes) > LARGEST:
        counted = Counter(node.node.op_type for node in nodes)
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{count}</td></tr>"
            for name, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
        )
        return f'<table class="counts"><tr><th>{len(nodes)} nodes</th><th></th></tr>{rows}</table>'
    return _svg(_drawing(site.constants, nodes, results))


def _drawing(
    constants: Mapping[str, ir.TensorProtocol],
    nodes: Sequence[NodeSketch],
    results: Sequence[str],
) -> Drawing:
    boxes: list[Box] = []
    edges: list[tuple[int, int, str]] = []
    maker: dict[str, int] = {}
    made = {name for node in nodes for name in node.outputs}
    for node in nodes:
        read = [name for name in dict.fromkeys(node.inputs) if name is not None]
        for name in read:
            # A constant is drawn again for every reader, so that no edge crosses the picture.
            if name not in made and (name not in maker or name in constants):
                maker[name] = len(boxes)
                boxes.append(_border(name, constants.get(name)))
        edges += [(maker[name], len(boxes), name) for name in read]
        maker.update(dict.fromkeys(node.outputs, len(boxes)))
        boxes.append(Box("node", _short(node.node.op_type), _title(node)))
    for name in dict.fromkeys(results):
        if name in made:
            edges.append((maker[name], len(boxes), name))
            boxes.append(Box("result", _short(name), f"result {name}"))
    return place(boxes, edges)


def _border(name: str, tensor: ir.TensorProtocol | None) -> Box:
    if tensor is None:
        return Box("input", _short(name), f"input {name}")
    form = f"{tensor.dtype.name.lower()}[{','.join(map(str, tensor.shape))}]"
    shown = form
    if tensor.size == 1 and tensor.dtype != ir.DataType.STRING:
        shown = f"{tensor.numpy().reshape(-1)[0]}"
    return Box("constant", _short(shown), f"constant {name}: {form}")


def _title(node: NodeSketch) -> str:
    attributes = ", ".join(f"{name}={value}" for name, value in _attributes(node).items())
    name = node.node.name or ", ".join(node.outputs)
    text = f"{node.node.op_type} {name}" + (f" ({attributes})" if attributes else "")
    return text if len(text) <= 400 else text[:399] + "…"


def _short(text: str) -> str:
    return text if len(text) <= LABEL else "…" + text[1 - LABEL :]


def _svg(drawing: Drawing) -> str:
    margin = 6
    width, height = drawing.width + 2 * margin, drawing.height + 2 * margin
    parts = [_edge(drawing, edge) for edge in drawing.edges]
    parts += [_box(box) for box in drawing.boxes]
    return (
        f'<svg viewBox="{-margin} {-margin} {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img">{"".join(parts)}</svg>'
    )


def _edge(drawing: Drawing, edge: tuple[int, int, str]) -> str:
    start, end = drawing.boxes[edge[0]], drawing.boxes[edge[1]]
    top, bottom = start.y + BOX_HEIGHT, end.y
    middle = (top + bottom) / 2
    path = (
        f"M{start.x:.1f} {top:.1f}C{start.x:.1f} {middle:.1f} {end.x:.1f} {middle:.1f} "
        f"{end.x:.1f} {bottom:.1f}"
    )
    return f'<path d="{path}"><title>{_safe(edge[2])}</title></path>'


def _box(box: Box) -> str:
    left = box.x - box.width / 2
    corner = 4 if box.kind == "node" else BOX_HEIGHT / 2
    size = f'width="{box.width:.1f}" height="{BOX_HEIGHT:.0f}" rx="{corner:g}"'
    label = f'<text x="{box.x:.1f}" y="{box.y + 18.5:.1f}">{_safe(box.label)}</text>'
    rect = f'<rect x="{left:.1f}" y="{box.y:.1f}" {size}/>'
    return f'<g class="{box.kind}"><title>{_safe(box.title)}</title>{rect}{label}</g>'


def _safe(text: str) -> str:
    return escape("".join(c if c.isprintable() else "\ufffd" for c in text))
