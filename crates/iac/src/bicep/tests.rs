//! Bicep files to subjects: the language, loops, modules, parameters files, suppressions, coverage, and any bytes at all.

use std::fmt::Write as _;

use probity_core::SuppressionReach;
use probity_value::{SourceMap, Value};
use proptest::prelude::*;

use super::*;
use crate::arm::tests::{collect_with, show};

fn collect(files: &[(&str, &str)]) -> (Collected, SourceMap) {
    collect_with(&BicepSource, files)
}

const FRAME: &str = "
@description('which')
param env string = 'prod'
param open string
param flag bool
@secure()
param secret string
param list array = [1, 2, 3]
param free object?
param kind 'a' | 'b' = 'b'
type shape = {
  a: string
  b: ('x' | 'y')[]
}
type one = 'a'
  | 'b'
func twice(word string, times int) string => '${word}${word}${times}'
extension graph
metadata note = { a: 1 }
targetScope = 'resourceGroup'
var loop = pool
var pool = loop
var app = 'app-${env}'
var nested = { a: { b: [10, 20] }, 'c-d': true }
resource store 'Microsoft.Storage/storageAccounts@2022-09-01' = {
  name: app
}
resource kv 'Microsoft.KeyVault/vaults@2022-07-01' existing = { name: 'vault' }
resource many 'Microsoft.Network/publicIPAddresses@2022-07-01' = [for i in range(0, 2): { name: 'ip${i}' }]
";

/// What one expression gives in the properties of a resource of a file with some declarations.
fn check(expression: &str, expected: &str) {
    let text = format!(
        "{FRAME}resource web 'microsoft.web/SITES@2022-09-01' = {{\n  name: 'web'\n  properties: {{\n    value: {expression}\n  }}\n}}\n"
    );
    let (collected, _) = collect(&[("main.bicep", &text)]);
    let subject = collected.subjects.iter().find(|subject| &*subject.id == "web");
    let value = subject.and_then(|subject| subject.value.get("properties")).and_then(|properties| properties.get("value"));
    assert_eq!(value.map(show).as_deref(), Some(expected), "{expression} {:?}", collected.diagnostics);
    assert_eq!(subject.map(|subject| &*subject.type_name), Some("Microsoft.Web/sites"));
    assert!(collected.coverage.skipped.is_empty(), "{:?}", collected.diagnostics);
}

#[test]
fn literals_and_operators() {
    check("'it\\'s ${env} \\u{41}\\${x}$'", "\"it's prod A${x}$\"");
    check("'''\nlong ${env}\n'''", "\"long ${env}\\n\"");
    check("'${'${env}!'}'", "\"prod!\"");
    check("'a-${open}-b'", "a-?");
    check("[\n 'a' // one\n 'b'\n]", "[\"a\", \"b\"]");
    check("[ 'a', 'b' ]", "[\"a\", \"b\"]");
    check("[\n  1\n  -1\n]", "[1, -1]");
    check("{ a: 1, 'b-c': 2\n '${env}x': 3 }", "{a: 1, b-c: 2, prodx: 3}");
    check("[...list, 4]", "[1, 2, 3, 4]");
    check("{ ...nested, a: 2 }", "{a: 2, c-d: true}");
    check("1 + 2 * 3 - 8 / 4 % 3", "5");
    check("-(1 + 1)", "-2");
    check("!false && true || flag", "true");
    check("flag && false", "false");
    check("flag || false", "?");
    check("env == 'prod' ? 'yes' : 'no'", "\"yes\"");
    check("env != 'prod'\n ? 'yes'\n : 'no'", "\"no\"");
    check("flag ? 'a' : 'b'", "?");
    check("env =~ 'PROD'", "true");
    check("env !~ 'PROD'", "false");
    check("1 < 2 && 2 >= 2", "true");
    check("free ?? 'else'", "\"else\"");
    check("free.?a.?b ?? 'none'", "\"none\"");
    check("nested.?zz", "null");
    check("nested.a.b[1]", "20");
    check("nested['c-d']", "true");
    check("nested!.a!.b[?9]", "null");
    check("loop", "??");
    check("nowhere", "??");
    check("kind", "\"b\"");
    check("open", "?");
    check("secret", "?!");
}

#[test]
fn functions_loops_and_lambdas() {
    check("concat('a', toUpper('b'))", "\"aB\"");
    check("sys.concat('a', 'b')", "\"ab\"");
    check("twice('x', 2)", "\"xx2\"");
    check("union({ a: 1 }, { b: 2 })", "{a: 1, b: 2}");
    check("map(list, n => n + 1)", "[2, 3, 4]");
    check("filter(list, (n) => n > 1)", "[2, 3]");
    check("reduce(list, 0, (a, b) => a + b)", "6");
    check("toObject(list, n => 'k${n}', n => n)", "{k1: 1, k2: 2, k3: 3}");
    check("[for n in list: n * 2]", "[2, 4, 6]");
    check("[for (n, i) in list: {\n  n: n\n  i: i\n}]", "[{n: 1, i: 0}, {n: 2, i: 1}, {n: 3, i: 2}]");
    check("[for n in list: if (n > 1) { n: n }]", "[{n: 2}, {n: 3}]");
    check("[for n in open: n]", "?");
    check("any(1)", "1");
    check("json('{\"a\": 1}').a", "1");
    check("uniqueString(resourceGroup().id)", "?");
    check("az.resourceGroup().location", "?");
    check("loadTextContent('./missing.txt')", "?");
}

#[test]
fn resources_by_their_symbols() {
    check("store", "?>store.");
    check("store.id", "?>store.id");
    check("store.name", "\"app-prod\">store.name");
    check("store.type", "\"Microsoft.Storage/storageAccounts\"");
    check("store.properties.primaryEndpoints.blob", "?>store.properties.primaryEndpoints.blob");
    check("kv.id", "?>kv.");
    check("kv.name", "\"vault\">kv.name");
    check("kv.getSecret('s')", "?>kv.!");
    check("many[1].id", "?>many[1].id");
    check("many[1].name", "\"ip1\">many[1].name");
    check("store.listKeys().keys[0].value", "??>store.!");
    check("resourceId('Microsoft.Storage/storageAccounts', app)", "?>store.id");
    check("'${store.name}/default'", "\"app-prod/default\">store.name");
}

/// Each subject as `root id type value-without-type`.
fn check_files(files: &[(&str, &str)], expected: &[&str]) -> Collected {
    let (collected, _) = collect(files);
    let shown: Vec<String> = collected
        .subjects
        .iter()
        .map(|subject| {
            let mut value = subject.value.as_map().cloned().unwrap_or_default();
            value.remove("type");
            value.remove("apiVersion");
            format!("{} {} {} {}", subject.root, subject.id, subject.type_name, show(&Value::map(value, Span::NONE)))
        })
        .collect();
    assert_eq!(shown, expected, "{:?}", collected.diagnostics);
    collected
}

#[test]
fn loops_conditions_and_nesting() {
    check_files(
        &[(
            "main.bicep",
            "param n int
resource off 'Microsoft.Web/sites@1' = if (false) { name: 'off' }
resource perhaps 'Microsoft.Web/sites@1' = if (n > 1) { name: 'perhaps' }
resource each 'Microsoft.Web/sites@1' = [for (x, i) in ['a', 'b']: if (x == 'b') {
  name: '${x}${i}'
}]
resource some 'Microsoft.Web/sites@1' = [for i in range(0, n): { name: 'some${i}' }]
resource sql 'Microsoft.Sql/servers@2021-01-01' = {
  name: 'srv'
  @description('inside')
  resource db 'databases' = {
    name: 'orders'
    resource audit 'auditingSettings@2022-01-01' = { name: 'default' }
  }
  properties: { db: db.name, up: sql::db.id }
}
resource rule 'microsoft.sql/servers/firewallrules@1' = {
  parent: sql
  name: 'all'
  dependsOn: [ sql::db::audit ]
}
",
        )],
        &[
            "main.bicep perhaps Microsoft.Web/sites {name: \"perhaps\"}",
            "main.bicep each[1] Microsoft.Web/sites {name: \"b1\"}",
            "main.bicep some Microsoft.Web/sites {name: some?}",
            "main.bicep sql Microsoft.Sql/servers {name: \"srv\", properties: {db: \"orders\">sql::db.name, up: ?>sql::db.id}}",
            "main.bicep sql::db Microsoft.Sql/servers/databases {name: \"orders\", parent: ?>sql.id}",
            "main.bicep sql::db::audit Microsoft.Sql/servers/databases/auditingSettings {name: \"default\", parent: ?>sql::db.id}",
            "main.bicep rule Microsoft.Sql/servers/firewallRules {parent: ?>sql., name: \"all\", dependsOn: [?>sql::db::audit.]}",
        ],
    );
}

#[test]
fn modules_are_judged_with_their_callers_values() {
    let module = "param name string\n@secure()\nparam key string = 'hush'\nparam tls string = '1.0'
resource a 'Microsoft.Storage/storageAccounts@1' = { name: name, properties: { tls: tls } }
output id string = a.id
output tls string = tls
";
    let main = "param tls string = '1.2'
module one './modules/store.bicep' = { name: 'one', params: { name: 'first', tls: tls } }
module more 'modules/store.bicep' = [for n in ['x', 'y']: { name: n, params: { name: n } }]
module far 'br:registry.example/store:v1' = { name: 'far', params: {} }
module gone './gone.bicep' = { name: 'gone' }
resource b 'Microsoft.Web/sites@1' = { name: 'b', properties: { id: one.outputs.id, tls: one.outputs.tls, y: more[1].outputs.id, far: far.outputs.id } }
";
    let collected = check_files(
        &[("main.bicep", main), ("modules/store.bicep", module)],
        &[
            "main.bicep one.key secureString {defaultValue: \"hush\"!}",
            "main.bicep more[0].key secureString {defaultValue: \"hush\"!}",
            "main.bicep more[1].key secureString {defaultValue: \"hush\"!}",
            "main.bicep b Microsoft.Web/sites {name: \"b\", properties: {id: ?>one.a.id, tls: \"1.2\", y: ?>more[1].a.id, far: ?>far.outputs.id}}",
            "main.bicep one.a Microsoft.Storage/storageAccounts {name: \"first\", properties: {tls: \"1.2\"}}",
            "main.bicep more[0].a Microsoft.Storage/storageAccounts {name: \"x\", properties: {tls: \"1.0\"}}",
            "main.bicep more[1].a Microsoft.Storage/storageAccounts {name: \"y\", properties: {tls: \"1.0\"}}",
        ],
    );
    let said: Vec<&str> = collected.diagnostics.iter().map(|said| said.code).collect();
    assert_eq!(said, ["module-remote", "module-missing"]);
    let read: Vec<(&str, usize)> = collected.coverage.read.iter().map(|file| (&*file.file, file.subjects)).collect();
    assert_eq!(read, [("main.bicep", 1), ("modules/store.bicep", 6)]);
    let inner = collected.subjects.iter().find(|subject| &*subject.id == "one.a").unwrap();
    assert_eq!(inner.via.len(), 1);
    let steps = inner.value.get("properties").and_then(|value| value.get("tls")).and_then(|value| value.origin.clone()).unwrap();
    let steps: Vec<String> = steps.steps.iter().map(|step| format!("{:?} {}", step.kind, step.name)).collect();
    assert_eq!(steps, ["ModuleArgument tls", "VariableDefault tls"]);
}

#[test]
fn names_are_taken_from_other_files() {
    let shared = "@export()\nvar tls = '1.${minor}'\nvar minor = 2\n@export()\nfunc twice(w string) string => '${w}${w}${minor}'\n@export()\ntype size = 'a' | 'b'\n";
    let main = "import { tls, twice as double, size } from './shared/names.bicep'
import * as all from 'shared/names.bicep'
import {
  tls as other
} from 'shared/names.bicep'
import { gone } from './gone.bicep'
param s size = 'a'
resource w 'A.B/c@1' = { name: 'w', tls: tls, d: double('x'), o: other, a: all.tls, f: all.twice('y'), g: gone }
";
    let collected = check_files(
        &[("main.bicep", main), ("shared/names.bicep", shared)],
        &["main.bicep w A.B/c {name: \"w\", tls: \"1.2\", d: \"xx2\", o: \"1.2\", a: \"1.2\", f: \"yy2\", g: ??}"],
    );
    assert_eq!(collected.diagnostics.iter().map(|said| said.code).collect::<Vec<_>>(), ["bicep-import"]);
    let (circle, _) = collect(&[
        ("a.bicep", "import { x } from 'b.bicep'\nvar y = x\nresource r 'A.B/c@1' = { name: y }\n"),
        ("b.bicep", "import { y } from 'a.bicep'\nvar x = y\n"),
    ]);
    assert_eq!(circle.subjects.len(), 1);
}

#[test]
fn what_people_write() {
    check_files(
        &[(
            "main.bicep",
            "/* header */
#disable-next-line no-unused-params
@description('''
Several
lines''')
@allowed([
  'dev' // first
  'prod'
])
param env string = 'dev'
@minLength(1)
@maxLength(5)
param names array = [
]
param config {
  @description('inside')
  size: int
  tags: { *: string }?
} = {
  size: 3
}
param sku resourceInput<'Microsoft.Storage/storageAccounts@2023-01-01'>.sku.name = 'Standard_LRS'
param pair [
  string
  int
] = ['a', 1]
var long = env == 'prod' && (length(names) > 0
  || config.size >= 2)
  ? {
      a: 1
    }
  : {
      a: env == 'dev' ? 2 : 3
    }
var listed = items({ b: 2, a: 1 })
resource acc 'Microsoft.Storage/storageAccounts@2023-01-01' = {
  name: toLower(replace('ST-${env}-${padLeft(string(config.size), 3, '0')}', '-', ''))
  sku: { name: sku }
  properties: union(long, {
    resource: 'plain key'
    list: [for (x, i) in listed: '${x.key}${x.value}${i}']
  }, !empty(names) ? { n: names } : {})
  tags: {
    'with-dash': pair[0]
    '${env}-key': 'v'
  }

  resource blob 'blobServices' existing = {
    name: 'default'

    resource box 'containers' = [for n in ['one', 'two']: if (n != 'two') {
      name: n
    }]
  }
}
output blobId string = acc::blob.id
@secure()
output key string = acc.listKeys().keys[0].value
",
        )],
        &[
            "main.bicep acc Microsoft.Storage/storageAccounts {name: \"stdev003\", sku: {name: \"Standard_LRS\"}, properties: {a: 2, resource: \"plain key\", list: [\"a10\", \"b21\"]}, tags: {with-dash: \"a\", dev-key: \"v\"}}",
            "main.bicep acc::blob::box[0] Microsoft.Storage/storageAccounts/blobServices/containers {name: \"one\", parent: ?>acc::blob.id}",
        ],
    );
}

#[test]
fn circles_of_modules_end() {
    let (collected, _) = collect(&[
        ("a.bicep", "module b 'b.bicep' = { name: 'b', params: { x: b.outputs.y } }\nresource r 'A.B/c@1' = { name: 'r' }\n"),
        ("b.bicep", "param x string\nmodule a 'a.bicep' = { name: 'a' }\noutput y string = x\n"),
        ("c.bicep", "module c 'c.bicep' = { name: 'c' }\n"),
    ]);
    assert!(collected.subjects.iter().any(|subject| &*subject.id == "r"));
    assert!(collected.diagnostics.iter().any(|said| said.code == "module-cycle"));
    assert_eq!(collected.coverage.read.len(), 3);
}

#[test]
fn files_with_parameters() {
    let main =
        "param env string\nparam size int = 1\nresource w 'Microsoft.Web/sites@1' = { name: 'w', properties: { env: env, size: size } }\n";
    check_files(
        &[
            ("main.bicep", main),
            ("dev.bicepparam", "using './main.bicep'\nvar short = 'd'\nparam env = '${short}ev'\n"),
            ("env/prod.bicepparam", "using '../main.bicep'\nparam env = readEnvironmentVariable('ENV')\nparam size = 2 + 1\n"),
        ],
        &[
            "dev.bicepparam w Microsoft.Web/sites {name: \"w\", properties: {env: \"dev\", size: 1}}",
            "env/prod.bicepparam w Microsoft.Web/sites {name: \"w\", properties: {env: ?, size: 3}}",
        ],
    );
    let values = r#"{"$schema": "https://x/deploymentParameters.json#", "parameters": {"env": {"value": "json"}}}"#;
    let collected = check_files(
        &[("main.bicep", main), ("main.parameters.json", values)],
        &["main.bicep w Microsoft.Web/sites {name: \"w\", properties: {env: \"json\", size: 1}}"],
    );
    assert_eq!(collected.coverage.read.len(), 2);
}

#[test]
fn files_are_loaded() {
    check_files(
        &[
            (
                "x/main.bicep",
                "var c = loadJsonContent('./c.json')\nresource w 'A.B/c@1' = { name: 'w', a: c.a, t: loadTextContent('../t.txt'), y: loadYamlContent('y.yaml').k, out: loadTextContent('../../out') }\n",
            ),
            ("x/c.json", "{\"a\": [1]}"),
            ("x/y.yaml", "k: v\n"),
            ("t.txt", "text"),
        ],
        &["x/main.bicep w A.B/c {name: \"w\", a: [1], t: \"text\", y: \"v\", out: ?}"],
    );
}

#[test]
fn suppressions() {
    let text = "// checkov:skip=CKV_AZURE_1:above
resource a 'A.B/c@1' = {
  name: 'a'
  // checkov:skip=CKV_AZURE_2:inside
  properties: {
    // probity:allow some-rule reason=\"line\"
    x: 1 // kics-scan ignore-line
    y: 2
  }
}
";
    let (collected, sources) = collect(&[("main.bicep", text)]);
    let shown: Vec<String> = collected
        .suppressions
        .iter()
        .map(|found| {
            let subject = found.reach == SuppressionReach::Subject;
            let (_, start, end) = sources.locate(found.target).unwrap();
            format!("{} {} {subject} {}-{}", found.style.as_str(), found.id, start.line, end.line)
        })
        .collect();
    assert_eq!(
        shown,
        ["checkov CKV_AZURE_1 true 2-10", "checkov CKV_AZURE_2 true 2-10", "probity some-rule false 7-7", "kics * false 8-8"]
    );
}

#[test]
fn broken_parts_are_said_and_the_rest_is_read() {
    let text = "resource a 'A.B/c@1' = {\n  name: 'a\n}\n\nresource b 'A.B/c@1' = { name: 'b' }\nfoo bar\nparam x string = {\n";
    let (collected, _) = collect(&[("main.bicep", text)]);
    let ids: Vec<&str> = collected.subjects.iter().map(|subject| &*subject.id).collect();
    assert_eq!(ids, ["b"]);
    assert_eq!(collected.diagnostics.iter().filter(|said| said.code == "bicep-syntax").count(), 3, "{:?}", collected.diagnostics);
    let skipped: Vec<(bool, bool)> = collected.coverage.skipped.iter().map(|file| (file.fails, file.partly)).collect();
    assert_eq!(skipped, [(true, true)]);
}

#[test]
fn growth_and_depth_have_limits() {
    let mut text = String::from("var v0 = 'xxxxxxxx'\nvar l0 = ['x']\n");
    for at in 0..80 {
        writeln!(text, "var v{next} = '${{v{at}}}${{v{at}}}'\nvar l{next} = [l{at}, l{at}]", next = at + 1).unwrap();
    }
    writeln!(text, "var deep = {}1{}", "(".repeat(5_000), ")".repeat(5_000)).unwrap();
    writeln!(text, "var nots = {}true", "!".repeat(5_000)).unwrap();
    writeln!(text, "var sum = 1{}", " + 1".repeat(5_000)).unwrap();
    text.push_str("resource w 'A.B/c@1' = [for i in range(0, 90000): { name: 'w', a: v80, b: l80 }]\n");
    text.push_str("resource x 'A.B/c@1' = [for i in range(0, 9000000): { name: 'w' }]\n");
    let (collected, _) = collect(&[("main.bicep", &text)]);
    assert!(collected.diagnostics.iter().any(|said| said.code == "bicep-rounds"));
    assert!(collected.subjects.len() <= 1_001);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_bytes_end(seed in 0_usize..3, cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)) {
        let module = "param x array\nresource a 'A.B/c@1' = [for (y, i) in x: if (i > 0) { name: '${y}', p: { q: y.?z ?? 'n' } }]\noutput o string = a[0].id\n";
        let seeds = [
            FRAME,
            module,
            "module m './m.bicep' = { name: 'm', params: { x: [1, 2] } }\nresource s 'A.B/c@1' = {\n  name: m.outputs.o\n  resource t 'd' = { name: '''x''' }\n}\n",
        ];
        let mut bytes = seeds[seed].as_bytes().to_vec();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = collect(&[("main.bicep", &text), ("m.bicep", module), ("p.bicepparam", &text)]);
    }
}
