"""JSON Schemas of the files that users write, made from the very models that read them."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from harness.gate_file import GateFile
from harness.kit.cases import CaseFile
from harness.model import Scenario, TargetFile
from harness.store import write_atomically

_MODELS: dict[str, type[BaseModel]] = {
    "scenario.schema.json": Scenario,
    "target.schema.json": TargetFile,
    "cases.schema.json": CaseFile,
    "gate.schema.json": GateFile,
}


def schema_texts() -> dict[str, str]:
    """File name → text of each schema."""
    texts = {}
    for name, model in _MODELS.items():
        schema = model.model_json_schema(by_alias=True)
        schema.get("properties", {}).pop("folder", None)
        document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        texts[name] = json.dumps(document, indent=1) + "\n"
    return texts


def write_schemas(folder: Path) -> list[Path]:
    """Writes them all and gives their paths. Raises StoreError."""
    for name, text in schema_texts().items():
        write_atomically(folder / name, text)
    return [folder / name for name in _MODELS]
