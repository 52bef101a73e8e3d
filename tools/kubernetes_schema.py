#!/usr/bin/env python3
"""Makes the table of Kubernetes' kinds and types that `crates/kubernetes` reads.

usage: kubernetes_schema.py VERSION=FOLDER... > crates/kubernetes/src/schema/types.txt

FOLDER is an unpacked release of k8s.io/kubernetes (its `api/openapi-spec/swagger.json` is read), VERSION its minor version (1.34), oldest
first. Where two versions know a type, the newest speaks; a kind that a later version no longer serves gets the version that dropped it.

Lines of the table:
  kind GROUP VERSION KIND PLURAL SCOPE TYPE REMOVED SUBRESOURCES   (`-` where there is none; SCOPE is `ns` or `cluster`)
  type NAME
   FIELD SHAPE [!] [list=set|atomic|map] [keys=a,b] [merge=key|.] [map=atomic|granular] [default=JSON] [enum=A|B]
SHAPE is string, int, int64, bool, double, bytes, intstr, quantity, time, microtime, any, object, a name after `@`, and these after `[]` or `{}`.
`!` is a required field. `merge=` is the patch merge key (`.` for a list of plain values).
"""
import json
import sys

SPECIAL = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intstr",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "microtime",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "object",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "object",
}

# 1.16 stopped serving these by default, yet its document still has them (the deprecation guide of Kubernetes).
STOPPED = {("apps", "v1beta1"): "1.16", ("apps", "v1beta2"): "1.16", ("extensions", "v1beta1"): "1.16"}


def short(name):
    for prefix, to in (("io.k8s.api.", ""), ("io.k8s.apimachinery.pkg.apis.", ""), ("io.k8s.apimachinery.pkg.", ""),
                       ("io.k8s.kube-aggregator.pkg.apis.", "aggregator."), ("io.k8s.apiextensions-apiserver.pkg.apis.", "")):
        if name.startswith(prefix):
            return to + name[len(prefix):]
    return name


def shape(value, definitions):
    if "$ref" in value:
        name = value["$ref"].removeprefix("#/definitions/")
        if name in SPECIAL:
            return SPECIAL[name]
        target = definitions.get(name, {})
        if not target.get("properties"):
            if target.get("type") in ("string", "integer", "boolean", "number"):
                return shape({k: v for k, v in target.items() if k in ("type", "format")}, definitions)
            return "any" if target.get("type") is None else "object"
        return "@" + short(name)
    kind, form = value.get("type"), value.get("format")
    if kind == "array":
        return "[]" + shape(value.get("items", {}), definitions)
    if kind == "object":
        more = value.get("additionalProperties")
        return "{}" + shape(more, definitions) if isinstance(more, dict) and more else "object"
    if kind == "string":
        return {"byte": "bytes", "int-or-string": "intstr", "date-time": "time"}.get(form, "string")
    if kind == "integer":
        return "int64" if form == "int64" else "int"
    if kind == "boolean":
        return "bool"
    if kind == "number":
        return "double"
    return "any"


def fields(definition, definitions):
    required = set(definition.get("required", []))
    for name, value in sorted(definition.get("properties", {}).items()):
        words = [name, shape(value, definitions)]
        if name in required:
            words.append("!")
        if "x-kubernetes-list-type" in value:
            words.append("list=" + value["x-kubernetes-list-type"])
        if "x-kubernetes-list-map-keys" in value:
            words.append("keys=" + ",".join(value["x-kubernetes-list-map-keys"]))
        if "merge" in value.get("x-kubernetes-patch-strategy", ""):
            words.append("merge=" + value.get("x-kubernetes-patch-merge-key", "."))
        map_type = value.get("x-kubernetes-map-type")
        if map_type is None and "$ref" in value:
            map_type = definitions.get(value["$ref"].removeprefix("#/definitions/"), {}).get("x-kubernetes-map-type")
        if map_type:
            words.append("map=" + map_type)
        default = value.get("default")
        if default is not None and default not in ("", {}, 0, False, []):
            words.append("default=" + json.dumps(default, separators=(",", ":")).replace(" ", "\\u0020"))
        if "enum" in value and all(isinstance(x, str) and " " not in x for x in value["enum"]):
            words.append("enum=" + "|".join(value["enum"]))
        yield " ".join(words)


def main(arguments):
    types, kinds, seen = {}, {}, []
    for argument in arguments:
        version, folder = argument.split("=", 1)
        seen.append(version)
        with open(f"{folder}/api/openapi-spec/swagger.json", encoding="utf-8") as file:
            swagger = json.load(file)
        definitions = swagger["definitions"]
        here = {}
        by_kind = {}
        for name, definition in definitions.items():
            for gvk in definition.get("x-kubernetes-group-version-kind", []):
                by_kind.setdefault((gvk["group"], gvk["version"], gvk["kind"]), name)
            if definition.get("properties") and name not in SPECIAL:
                types[short(name)] = list(fields(definition, definitions))
        for path, operations in swagger["paths"].items():
            parts = [part for part in path.split("/") if part]
            for operation in operations.values():
                if not isinstance(operation, dict) or "x-kubernetes-group-version-kind" not in operation:
                    continue
                if operation.get("x-kubernetes-action") not in ("post", "get", "list", "patch", "put", "delete", "connect"):
                    continue
                gvk = operation["x-kubernetes-group-version-kind"]
                rest = parts[2:] if parts[0] == "api" else parts[3:]
                namespaced = rest[:2] == ["namespaces", "{namespace}"] and len(rest) > 2
                rest = rest[2:] if namespaced else rest
                if not rest or rest[0].startswith("{"):
                    continue
                sub = rest[2] if len(rest) > 2 and rest[1] == "{name}" and not rest[2].startswith("{") else None
                # The group and version of the path, not of the kind of a sub-resource's body.
                group, api = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
                if sub is None and (gvk["group"], gvk["version"]) == (group, api):
                    entry = here.setdefault((group, api, gvk["kind"]), {"plural": rest[0], "ns": False, "subs": set()})
                    entry["ns"] = entry["ns"] or namespaced
                elif sub is not None:
                    here.setdefault(("sub", group, api, rest[0]), set()).add(sub)
        for key, entry in list(here.items()):
            if key[0] == "sub" and len(key) == 4:
                continue
            subs = here.get(("sub", key[0], key[1], entry["plural"]), set())
            name = by_kind.get(key)
            kinds[key] = (entry["plural"], "ns" if entry["ns"] else "cluster", short(name) if name else "-", subs, version)
    newest = seen[-1]
    for key in sorted(kinds):
        plural, scope, name, subs, last = kinds[key]
        removed = "-" if last == newest else seen[seen.index(last) + 1]
        if removed != "-" and key[2] != "Ingress":
            removed = STOPPED.get(key[:2], removed)
        print("kind", key[0] or "-", key[1], key[2], plural, scope, name, removed, ",".join(sorted(subs)) or "-")
    for name in sorted(types):
        print("type", name)
        for line in types[name]:
            print("", line)


if __name__ == "__main__":
    main(sys.argv[1:])
