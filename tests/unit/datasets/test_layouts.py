"""Data sets in the layouts they are published in, built as small as they can be."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphfix.datasets import (
    Region,
    VocObject,
    category_ids,
    cityscapes,
    coco_images,
    icdar2015,
    read_identities,
    read_outlines,
    read_train_ids,
    voc,
)
from graphfix.errors import UsageError


def touch(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def streets(tmp_path: Path) -> Path:
    for city, number in (("munster", 1), ("frankfurt", 2)):
        touch(tmp_path / f"leftImg8bit/val/{city}/{city}_{number:06}_leftImg8bit.png")
        labels = touch(tmp_path / f"gtFine/val/{city}/{city}_{number:06}_gtFine_labelIds.png")
        Image.fromarray(np.arange(36, dtype=np.uint8).reshape(6, 6)).save(labels)
        touch(labels.with_name(labels.name.replace("labelIds", "instanceIds")))
    touch(tmp_path / "leftImg8bit/train/bonn/bonn_000001_leftImg8bit.png")
    return tmp_path


def test_cityscapes(streets: Path) -> None:
    found = list(cityscapes(streets))

    assert [item.name for item in found] == [
        "frankfurt_000002_leftImg8bit",
        "munster_000001_leftImg8bit",
    ]
    assert found[0].truth.name == "frankfurt_000002_gtFine_labelIds.png"
    classes = read_train_ids(found[0].truth).reshape(-1)
    # Road, sidewalk, building, traffic light, sky, car, train, bicycle; and what does not count.
    assert classes[[7, 8, 11, 19, 23, 26, 31, 33]].tolist() == [0, 1, 2, 6, 10, 13, 16, 18]
    assert np.count_nonzero(classes == 255) == 36 - 19
    assert sorted(set(classes.tolist())) == [*range(19), 255]


def test_cityscapes_that_is_not_whole_is_refused(streets: Path) -> None:
    (streets / "gtFine/val/munster/munster_000001_gtFine_labelIds.png").unlink()
    with pytest.raises(UsageError, match=r"munster_000001_gtFine_labelIds\.png: is not there, but"):
        list(cityscapes(streets))
    with pytest.raises(UsageError, match="test: has no CITY/NAME_leftImg8bit"):
        list(cityscapes(streets, "test"))
    Image.new("RGB", (2, 2)).save(streets / "colours.png")
    with pytest.raises(UsageError, match=r"is no map of label ids, but uint8 \(2, 2, 3\)"):
        read_train_ids(streets / "colours.png")


def test_coco(tmp_path: Path) -> None:
    for name in ("000000000139.jpg", "000000000285.jpg"):
        touch(tmp_path / name)
    document = {
        "images": [
            {"id": 285, "file_name": "000000000285.jpg"},
            {"id": 139, "file_name": "000000000139.jpg"},
        ],
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}],
    }

    found = [(item.name, item.image, item.truth) for item in coco_images(tmp_path, document)]
    assert found == [
        ("000000000139", tmp_path / "000000000139.jpg", 139),
        ("000000000285", tmp_path / "000000000285.jpg", 285),
    ]
    assert category_ids(document) == (1, 90)
    (tmp_path / "000000000285.jpg").unlink()
    with pytest.raises(UsageError, match=r"has no image 000000000285\.jpg"):
        list(coco_images(tmp_path, document))
    wrong: object
    for wrong in (None, 5, [{"id": "x"}], [{}]):
        with pytest.raises(UsageError, match="there is no list 'images' with ids"):
            list(coco_images(tmp_path, {"images": wrong}))


LINES = "\ufeff0,0,10,0,10,10,0,10,Caution, wet\r\n20,0,30,0,30,10,20,10,###\r\n"


def test_icdar_2015(tmp_path: Path) -> None:
    images, truths = tmp_path / "ch4_test_images", tmp_path / "Challenge4_Test_Task1_GT"
    touch(images / "img_1.jpg")
    touch(truths / "gt_img_1.txt", LINES)
    (found,) = icdar2015(images, truths)

    assert (found.name, found.image) == ("img_1", images / "img_1.jpg")
    assert found.truth == [
        Region(((0, 0), (10, 0), (10, 10), (0, 10))),
        Region(((20, 0), (30, 0), (30, 10), (20, 10)), counts=False),
    ]
    assert read_outlines(truths / "gt_img_1.txt") == [item.outline for item in found.truth]
    touch(images / "img_2.jpg")
    with pytest.raises(UsageError, match=r"has no gt_img_2\.txt for img_2\.jpg"):
        list(icdar2015(images, truths))
    touch(truths / "gt_img_2.txt", "0,0,10,0,10,10,0,x,y\n")
    with pytest.raises(UsageError, match=r"gt_img_2\.txt, line 1: write x1,y1,x2,y2"):
        list(icdar2015(images, truths))


XML = """<annotation><folder>VOC2007</folder><filename>000001.jpg</filename>
<object><name>dog</name><difficult>0</difficult>
<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>29</xmax><ymax>29</ymax></bndbox>
<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>
<object><name>person</name><difficult>1</difficult>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>"""


def test_voc(tmp_path: Path) -> None:
    touch(tmp_path / "ImageSets/Main/test.txt", "000001\n")
    touch(tmp_path / "Annotations/000001.xml", XML)
    touch(tmp_path / "Annotations/000005.xml", "")
    touch(tmp_path / "JPEGImages/000001.jpg")
    (found,) = voc(tmp_path)

    assert (found.name, found.image) == ("000001", tmp_path / "JPEGImages/000001.jpg")
    assert found.truth == [
        VocObject("dog", (10, 10, 29, 29)),
        VocObject("person", (1, 2, 3, 4), difficult=True),
    ]
    touch(tmp_path / "ImageSets/Main/test.txt", "000001\n000005\n")
    with pytest.raises(UsageError, match=r"test\.txt, line 2: there is no image .*000005\.jpg"):
        list(voc(tmp_path))
    touch(tmp_path / "JPEGImages/000005.jpg")
    with pytest.raises(UsageError, match=r"000005\.xml: is no annotation of Pascal VOC"):
        list(voc(tmp_path))


def test_identities_in_other_forms_are_named(tmp_path: Path) -> None:
    touch(tmp_path / "list.txt", "a.jpg 1 1 probe\n")
    with pytest.raises(UsageError, match=r"list\.txt, line 1: write NAME PERSON CAMERA query"):
        read_identities(tmp_path / "list.txt")
    with pytest.raises(UsageError, match="has no folder query, as Market-1501 has"):
        read_identities(tmp_path)
    touch(tmp_path / "query/0001_1.jpg")
    with pytest.raises(UsageError, match=r"0001_1\.jpg: has no name of the form 0002_c1s1"):
        read_identities(tmp_path)
