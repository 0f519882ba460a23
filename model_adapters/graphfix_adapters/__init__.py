"""The built-in model adapters, one module each, registered the way any plugin registers its own.

An adapter is data: how a model is exported, the pipeline text that makes it compile, its inputs,
target, samples and metric.
"""

from graphfix.plugins import Plugin

PLUGIN = Plugin(
    adapters={
        "dbnet": "graphfix_adapters.dbnet:DBNet",
        "dbnet-dcn": "graphfix_adapters.dbnet:DBNetDeformable",
        "intrada": "graphfix_adapters.intrada:IntraDA",
        "nas-fpn": "graphfix_adapters.nas_fpn:NasFpn",
        "ocrnet": "graphfix_adapters.ocrnet:OCRNet",
        "rare": "graphfix_adapters.starnet:Rare",
        "starnet": "graphfix_adapters.starnet:StarNet",
        "starnet-resnet34": "graphfix_adapters.starnet:StarNetResNet34",
    },
)
