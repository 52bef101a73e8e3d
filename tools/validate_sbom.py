#!/usr/bin/env python3
"""Validates bills of materials by the official schemas: python3 tools/validate_sbom.py FILE...

Needs, in a virtual environment of its own: pip install 'cyclonedx-python-lib[json-validation,xml-validation]' spdx-tools jsonschema
CycloneDX is validated by the schemas that cyclonedx-python-lib ships (JSON strictly), SPDX by spdx-tools, which also checks
licence expressions, addresses and relationships. Prints what is wrong, then one line of figures; exits with 1 if anything is.
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from cyclonedx.validation.xml import XmlValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

JSON_VALIDATORS: dict = {}
XML_VALIDATORS: dict = {}


def kind_of(text: str) -> tuple[str, str]:
    """The format of a text and its version."""
    if text.lstrip().startswith("{"):
        value = json.loads(text)
        if "spdxVersion" in value:
            return "spdx-json", value["spdxVersion"]
        return "cyclonedx-json", value["specVersion"]
    if text.lstrip().startswith("<"):
        version = text.split("http://cyclonedx.org/schema/bom/", 1)[1].split('"', 1)[0]
        return "cyclonedx-xml", version
    return "spdx-tag-value", text.split("SPDXVersion:", 1)[1].split("\n", 1)[0].strip()


def schema_version(version: str) -> SchemaVersion:
    return SchemaVersion[f"V{version.replace('.', '_')}"]


def cyclonedx_json(text: str, version: str) -> list[str]:
    validator = JSON_VALIDATORS.setdefault(version, JsonStrictValidator(schema_version(version)))
    error = validator.validate_str(text)
    if error is None:
        value = json.loads(text)
        return references(value)
    return [str(error)[:2000]]


def references(value: dict) -> list[str]:
    """What the schema cannot say: references are unique, and each names a component."""
    names = Counter(one["bom-ref"] for one in value.get("components", []) if "bom-ref" in one)
    subject = value.get("metadata", {}).get("component", {}).get("bom-ref")
    wrong = [f"bom-ref {name} is there {count} times" for name, count in names.items() if count > 1]
    known = set(names) | {subject}
    for one in value.get("dependencies", []):
        wrong += [f"{name} is no component" for name in [one["ref"], *one.get("dependsOn", [])] if name not in known]
    return wrong


def cyclonedx_xml(text: str, version: str) -> list[str]:
    validator = XML_VALIDATORS.setdefault(version, XmlValidator(schema_version(version)))
    error = validator.validate_str(text)
    return [] if error is None else [str(error)[:2000]]


def spdx(path: Path, kind: str) -> list[str]:
    # The format is told by the end of the name.
    end = ".spdx.json" if kind == "spdx-json" else ".spdx"
    if path.name.endswith(end):
        document = parse_file(str(path))
    else:
        with tempfile.NamedTemporaryFile("wb", suffix=end) as copy:
            copy.write(path.read_bytes())
            copy.flush()
            document = parse_file(copy.name)
    return [message.validation_message for message in validate_full_spdx_document(document)]


def main() -> int:
    checked: Counter = Counter()
    wrong: Counter = Counter()
    for name in sys.argv[1:]:
        path = Path(name)
        text = path.read_text(encoding="utf-8")
        kind, version = kind_of(text)
        try:
            if kind == "cyclonedx-json":
                messages = cyclonedx_json(text, version)
            elif kind == "cyclonedx-xml":
                messages = cyclonedx_xml(text, version)
            else:
                messages = spdx(path, kind)
        except Exception as error:  # what the peer cannot read is as wrong as what it refuses
            messages = [f"{type(error).__name__}: {error}"[:2000]]
        checked[f"{kind} {version}"] += 1
        if messages:
            wrong[f"{kind} {version}"] += 1
            for message in messages[:20]:
                print(f"{name}: {message}")
    figures = [f"{kind}: {count - wrong[kind]} of {count} valid" for kind, count in sorted(checked.items())]
    print("; ".join(figures) or "no files")
    return 1 if wrong or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
