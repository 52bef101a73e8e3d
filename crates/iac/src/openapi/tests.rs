//! Descriptions to subjects.

use super::*;
use crate::ci::tests::{overview, value_of};

fn check(text: &str, id: &str, path: &str, expected: &str) {
    assert_eq!(value_of(&OpenapiSource, &[("api.yaml", text)], id, path), expected, "{text:?} {id} {path}");
}

const PETS: &str = "openapi: 3.0.0
info: {title: Pets}
servers: [{url: 'https://a.example'}, {url: /v1}]
security: [{key: []}]
paths:
  /pets:
    parameters: [{$ref: '#/components/parameters/limit'}]
    get:
      responses: {}
    post:
      servers: [{url: 'http://b.example'}]
      security: [{oauth: [read, write]}, {}]
    put:
      security: []
  /other:
    $ref: other.yaml
components:
  parameters: {limit: {name: limit, in: query, schema: {type: array}}}
  securitySchemes:
    key: {type: apiKey, in: query, name: k}
    oauth: {type: oauth2, flows: {implicit: {authorizationUrl: 'http://x', scopes: {read: r}}}}
";

#[test]
fn documents_and_operations() {
    let expected = [
        "openapi.document Pets 1-21",
        "openapi.operation GET /pets 8-9",
        "openapi.operation POST /pets 10-12",
        "openapi.operation PUT /pets 13-14",
        "Note openapi-reference 16-16",
    ];
    assert_eq!(overview(&OpenapiSource, &[("api.yaml", PETS)]), expected);
    assert_eq!(overview(&OpenapiSource, &[("api.yaml", "a: openapi\n"), ("b.json", "{\"x\": \"swagger\"}")]), [""; 0]);
    assert_eq!(overview(&OpenapiSource, &[("b.json", "{\"swagger\": \"2.0\"}")]), ["openapi.document b.json 1-1"]);
    assert_eq!(overview(&OpenapiSource, &[("b.yaml", "swagger: 2.0\n")]), ["openapi.document b.yaml 1-1"]);
    assert_eq!(overview(&OpenapiSource, &[("b.yaml", "swagger: 1.2\n")]), [""; 0]);
    assert_eq!(overview(&OpenapiSource, &[("b.yaml", "swagger: '2.0'\npaths: {/: x}\n")]), ["openapi.document b.yaml 1-2"]);
}

#[test]
fn security_in_one_shape() {
    check(PETS, "GET /pets", "required.0.type", "\"apiKey\"");
    check(PETS, "GET /pets", "anonymous", "false");
    check(PETS, "GET /pets", "own_security", "false");
    check(PETS, "POST /pets", "anonymous", "true");
    check(PETS, "POST /pets", "required.0.undefined", r#"["write"]"#);
    check(PETS, "POST /pets", "required.0.flows", r#"["implicit"]"#);
    check(PETS, "PUT /pets", "anonymous", "true");
    check(PETS, "PUT /pets", "own_security", "true");
    check(PETS, "Pets", "definitions.1.urls", r#"["http://x"]"#);
    check(PETS, "Pets", "version", "\"3\"");
    let old = "swagger: '2.0'\nschemes: [HTTP]\nsecurityDefinitions: {b: {type: basic}, o: {type: oauth2, flow: password, scopes: {s: ''}}}\npaths: {/: {get: {security: [{b: []}, {x: []}]}}}\n";
    check(old, "api.yaml", "definitions.0.scheme", "\"basic\"");
    check(old, "api.yaml", "definitions.1.flows", r#"["password"]"#);
    check(old, "api.yaml", "definitions.1.scopes", r#"["s"]"#);
    check(old, "api.yaml", "transports", r#"["http"]"#);
    check(old, "GET /", "required.0.scheme", "\"basic\"");
    check(old, "GET /", "required.1.defined", "false");
    check(old, "GET /", "document.version", "\"2\"");
}

#[test]
fn servers_parameters_and_arrays() {
    check(PETS, "Pets", "transports", r#"["https"]"#);
    check(PETS, "POST /pets", "transports", r#"["http"]"#);
    check(PETS, "GET /pets", "parameters.0.name", "\"limit\"");
    check(PETS, "Pets", "unbounded", r#"["array"]"#);
    check(
        "openapi: 3.1.0\nservers: [{url: '{scheme}://x'}]\n",
        "api.yaml",
        "transports.0",
        "unknown: `{scheme}://x` is known only when it runs",
    );
    check("openapi: 3.1.0\nx: {type: [array, 'null'], maxItems: 3}\ny: {example: {type: array}}\n", "api.yaml", "unbounded", "[]");
}

#[test]
fn references_that_go_in_circles_end() {
    let text = "openapi: 3.0.0\npaths: {/a: {$ref: '#/paths/~1b'}, /b: {$ref: '#/paths/~1a'}, /c: {$ref: '#/paths/~1c'}}\n";
    check(text, "api.yaml", "operations", "[]");
}
