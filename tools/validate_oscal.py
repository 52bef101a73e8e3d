#!/usr/bin/env python3
"""Loads OSCAL documents in compliance-trestle, whose models are made of OSCAL's schemas: python3 validate_oscal.py FILE...

Exit code 0 if all load, 1 if not, 2 for wrong use. Beyond the models it checks what they cannot: identifiers are of version 4 or 5 and
each stands for one thing, and what refers to something inside a document refers to something that is there.
"""
import json, pathlib, re, sys

from trestle.oscal import OSCAL_VERSION
from trestle.oscal.assessment_results import AssessmentResults
from trestle.oscal.component import ComponentDefinition
from trestle.oscal.poam import PlanOfActionAndMilestones

MODELS = {
    "component-definition": ComponentDefinition,
    "assessment-results": AssessmentResults,
    "plan-of-action-and-milestones": PlanOfActionAndMilestones,
}
UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def walk(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def check(path):
    document = json.loads(path.read_text())
    (kind, body), = document.items()
    loaded = MODELS[kind].oscal_read(path)
    if loaded is None or loaded.metadata.oscal_version.root.root != OSCAL_VERSION:
        raise ValueError(f"trestle {OSCAL_VERSION} did not load it, or it is of another version")
    defined = [value for key, value in walk(body) if key == "uuid"]
    if len(set(defined)) != len(defined):
        raise ValueError("an identifier stands for two things")
    named = {value for key, value in walk(body) if key.endswith("-uuid")}
    named |= {value[1:] for key, value in walk(body) if key == "href" and value.startswith("#")}
    for text in [*defined, *named]:
        if not UUID.fullmatch(text):
            raise ValueError(f"{text} is no UUID of version 4 or 5")
    if named - set(defined):
        raise ValueError(f"{sorted(named - set(defined))[0]} is nowhere in the document")
    return kind, len(defined)


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    for name in sys.argv[1:]:
        try:
            kind, things = check(pathlib.Path(name))
        except Exception as error:  # whatever trestle says is a refusal
            print(f"REFUSED {name}: {error}")
            return 1
        print(f"OK {name}: {kind}, {things} identifiers, OSCAL {OSCAL_VERSION}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
