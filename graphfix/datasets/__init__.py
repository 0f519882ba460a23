"""Data sets in the layouts they are published in: names, images and truths, one by one."""

from graphfix.datasets.cityscapes import cityscapes, read_train_ids
from graphfix.datasets.coco import category_ids, coco_images
from graphfix.datasets.files import files_by_name, numbered_lines, read_json, read_lines
from graphfix.datasets.icdar2015 import Outline, Region, icdar2015, read_outlines, read_regions
from graphfix.datasets.imagenet import classified_images, read_classes
from graphfix.datasets.images import IMAGE_SUFFIXES, read_image
from graphfix.datasets.market1501 import Identity, read_identities
from graphfix.datasets.picture import Picture
from graphfix.datasets.texts import lmdb_words, read_texts
from graphfix.datasets.voc import VocObject, read_voc_objects, voc

__all__ = [
    "IMAGE_SUFFIXES",
    "Identity",
    "Outline",
    "Picture",
    "Region",
    "VocObject",
    "category_ids",
    "cityscapes",
    "classified_images",
    "coco_images",
    "files_by_name",
    "icdar2015",
    "lmdb_words",
    "numbered_lines",
    "read_classes",
    "read_identities",
    "read_image",
    "read_json",
    "read_lines",
    "read_outlines",
    "read_regions",
    "read_texts",
    "read_train_ids",
    "read_voc_objects",
    "voc",
]
