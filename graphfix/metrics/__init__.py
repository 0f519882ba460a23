"""Metrics: small functions over outputs and truths, and the same over files."""

from collections.abc import Mapping
from types import MappingProxyType

from graphfix.metrics.answers import Answers, answers
from graphfix.metrics.coco import Coco, coco_precision
from graphfix.metrics.coco_records import CocoKind
from graphfix.metrics.cosine import Cosine, cosine_similarity
from graphfix.metrics.decode import best_class, class_map, ctc_greedy
from graphfix.metrics.error_rate import ErrorRate, error_rates
from graphfix.metrics.image_quality import ImageQuality, image_quality
from graphfix.metrics.judged import Judged
from graphfix.metrics.metric import Files, Metric, arrays, decoded
from graphfix.metrics.outputs import Layout, find_outputs, parse_dtype, parse_shape, read_output
from graphfix.metrics.recognition import Recognition, text_recognition
from graphfix.metrics.reference import Judgement, Reference, judge, parse_reference
from graphfix.metrics.reid import Reid, reid
from graphfix.metrics.score import Figure, Score, Unit
from graphfix.metrics.segmentation import Segmentation, segmentation
from graphfix.metrics.text_detection import TextDetection, text_detection
from graphfix.metrics.top_k import TopK, top_k
from graphfix.metrics.voc import Detection, Voc, voc_precision

METRICS: Mapping[str, type[Metric]] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Coco,
            Cosine,
            TextDetection,
            Segmentation,
            ImageQuality,
            Recognition,
            Reid,
            Answers,
            TopK,
            Voc,
            ErrorRate,
        )
    }
)
"""All metrics that read files, in the order of their names."""

__all__ = [
    "METRICS",
    "CocoKind",
    "Detection",
    "Figure",
    "Files",
    "Judged",
    "Judgement",
    "Layout",
    "Metric",
    "Reference",
    "Score",
    "Unit",
    "answers",
    "arrays",
    "best_class",
    "class_map",
    "coco_precision",
    "cosine_similarity",
    "ctc_greedy",
    "decoded",
    "error_rates",
    "find_outputs",
    "image_quality",
    "judge",
    "parse_dtype",
    "parse_reference",
    "parse_shape",
    "read_output",
    "reid",
    "segmentation",
    "text_detection",
    "text_recognition",
    "top_k",
    "voc_precision",
]
