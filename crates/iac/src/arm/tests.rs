//! Templates to subjects: expressions, loops, nesting, references, suppressions, coverage, and any bytes at all.

use std::fmt::Write as _;

use probity_core::{CollectOptions, SuppressionReach, Tree};
use probity_value::SourceMap;
use proptest::prelude::*;

use super::*;
use crate::kubernetes::tests::{MapTree, scope_of};

pub(crate) fn collect_with(source: &dyn Source, files: &[(&str, &str)]) -> (Collected, SourceMap) {
    let tree = MapTree::new(files);
    let (sources, options) = (SourceMap::new(), CollectOptions { max_file_size: 1 << 20, max_steps: 300_000, ..CollectOptions::default() });
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    (source.collect(&scope_of(&tree, &sources, &options, &unclaimed)), sources)
}

fn collect(files: &[(&str, &str)]) -> (Collected, SourceMap) {
    collect_with(&ArmSource, files)
}

/// A value in one line: unknowns as `prefix?`, references as `>subject.attribute`.
pub(crate) fn show(value: &Value) -> String {
    let mark = value.references().iter().fold(String::new(), |mut out, reference| {
        write!(out, ">{}.{}", reference.subject, reference.attribute).unwrap();
        out
    });
    let text = match &value.data {
        Data::Unknown(unknown) if unknown.set => format!("{}?", unknown.prefix),
        Data::Unknown(_) => "??".to_owned(),
        Data::String(text) => format!("{text:?}"),
        Data::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Data::Map(map) => {
            format!("{{{}}}", map.iter().map(|(key, entry)| format!("{key}: {}", show(&entry.value))).collect::<Vec<_>>().join(", "))
        }
        Data::Null => "null".to_owned(),
        Data::Bool(value) => value.to_string(),
        Data::Number(number) => number.to_string(),
    };
    format!("{text}{mark}{}", if value.sensitive { "!" } else { "" })
}

const SCHEMA: &str =
    r#""$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0","#;

/// What one expression gives in the properties of a resource of a template with some parameters and variables.
fn check(expression: &str, expected: &str) {
    let text = format!(
        r#"{{ {SCHEMA} // a comment
        "functions": [{{ "namespace": "own", "members": {{ "twice": {{
            "parameters": [{{ "name": "word", "type": "string" }}], "output": {{ "type": "string", "value": "[concat(parameters('word'), parameters('word'))]" }} }} }} }}],
        "parameters": {{ "open": {{ "type": "string" }}, "env": {{ "type": "string", "defaultValue": "prod" }}, "list": {{ "type": "array", "defaultValue": [1, 2, 3] }},
            "flag": {{ "type": "bool" }}, "secret": {{ "type": "secureString" }}, "free": {{ "type": "object", "nullable": true }} }},
        "variables": {{ "name": "[concat('app-', parameters('env'))]", "nested": {{ "a": {{ "B": [10, 20] }} }},
            "loop": "[variables('pool')]", "pool": "[variables('loop')]",
            "copy": [{{ "name": "numbers", "count": 3, "input": "[mul(copyIndex('numbers'), 2)]" }}],
            "within": {{ "copy": [{{ "name": "items", "count": 2, "input": {{ "n": "[copyIndex('items', 1)]" }} }}] }} }},
        "resources": [
            {{ "type": "Microsoft.Storage/storageAccounts", "apiVersion": "2022-09-01", "name": "[variables('name')]", "properties": {{}} }},
            {{ "type": "Microsoft.Web/sites", "apiVersion": "2022-09-01", "name": "web", "properties": {{ "value": {expression:?} }}, }}
        ] }}"#
    );
    let (collected, _) = collect(&[("azuredeploy.json", &text)]);
    let broken: Vec<_> = collected.coverage.skipped.iter().map(|file| &file.why).collect();
    let subject = collected.subjects.iter().find(|subject| &*subject.id == "Microsoft.Web/sites/web");
    let value = subject.and_then(|subject| subject.value.get("properties")).and_then(|properties| properties.get("value"));
    assert_eq!(value.map(show).as_deref(), Some(expected), "{expression} {broken:?} {:?}", collected.diagnostics);
}

#[test]
fn literals_and_access() {
    check("plain", "\"plain\"");
    check("[[plain]", "\"[plain]\"");
    check("[not closed", "\"[not closed\"");
    check("['it''s']", "\"it's\"");
    check("[ -3 ]", "-3");
    check("[true()]", "true");
    check("[null()]", "null");
    check("[parameters('env')]", "\"prod\"");
    check("[parameters('ENV')]", "\"prod\"");
    check("[parameters('open')]", "?");
    check("[parameters('missing')]", "??");
    check("[parameters('secret')]", "?!");
    check("[parameters('free')]", "null");
    check("[variables('nested').a.b[1]]", "20");
    check("[variables('nested')['A'].B[0]]", "10");
    check("[variables('nested').a.c]", "??");
    check("[variables('loop')]", "??");
    check("[concat('a'", "\"[concat('a'\"");
    check("[concat('a']", "??");
    check("[nothing()]", "??");
    check("[own.twice('ab')]", "\"abab\"");
}

#[test]
fn texts() {
    check("[concat('a', 1, true())]", "\"a1True\"");
    check("[concat('a-', parameters('open'), '-b')]", "a-?");
    check("[format('{0}-{1:N}-{{x}}', 'a', 2)]", "\"a-2-{x}\"");
    check("[format('{0}', parameters('open'))]", "?");
    check("[toUpper(toLower('aB'))]", "\"AB\"");
    check("[replace('a-b', '-', '_')]", "\"a_b\"");
    check("[split('a,b;c', createArray(',', ';'))]", "[\"a\", \"b\", \"c\"]");
    check("[join(createArray('a', 'b'), '+')]", "\"a+b\"");
    check("[substring('abcdef', 2, 3)]", "\"cde\"");
    check("[trim('  a ')]", "\"a\"");
    check("[padLeft(7, 3, '0')]", "\"007\"");
    check("[startsWith('Abc', 'aB')]", "true");
    check("[startsWith(concat('ab', parameters('open')), 'x')]", "false");
    check("[endsWith('abc', 'x')]", "false");
    check("[indexOf('abcb', 'B')]", "1");
    check("[lastIndexOf('abcb', 'b')]", "3");
    check("[string(createObject('a', 1))]", "\"{\\\"a\\\":1}\"");
    check("[json('{\"a\": [1, null]}').a]", "[1, null]");
    check("[base64('one')]", "\"b25l\"");
    check("[base64ToString('b25l')]", "\"one\"");
    check("[base64ToJson(base64('{\"a\":2}')).a]", "2");
    check("[uri('https://a.b/c/d', 'e')]", "\"https://a.b/c/e\"");
    check("[uriComponent('a b/ü')]", "\"a%20b%2F%C3%BC\"");
    check("[uriComponentToString('a%20b')]", "\"a b\"");
    check("[dataUriToString(dataUri('x'))]", "\"x\"");
    check("[int('12')]", "12");
    check("[bool('True')]", "true");
}

#[test]
fn lists_and_objects() {
    check("[length(parameters('list'))]", "3");
    check("[length('abc')]", "3");
    check("[first(parameters('list'))]", "1");
    check("[last('abc')]", "\"c\"");
    check("[skip(parameters('list'), 1)]", "[2, 3]");
    check("[take('abc', 2)]", "\"ab\"");
    check("[union(createArray(1, 2), createArray(2, 3))]", "[1, 2, 3]");
    check("[union(createObject('a', createObject('x', 1)), createObject('a', createObject('y', 2)))]", "{a: {x: 1, y: 2}}");
    check("[intersection(parameters('list'), createArray(3, 2))]", "[2, 3]");
    check("[array('a')]", "[\"a\"]");
    check("[range(2, 3)]", "[2, 3, 4]");
    check("[min(3, 1, 2)]", "1");
    check("[max(parameters('list'))]", "3");
    check("[contains(parameters('list'), 2)]", "true");
    check("[contains(createObject('Key', 1), 'key')]", "true");
    check("[empty(createArray())]", "true");
    check("[items(createObject('b', 2, 'a', 1))[0].key]", "\"a\"");
    check("[flatten(createArray(createArray(1), createArray(2)))]", "[1, 2]");
    check("[tryGet(variables('nested'), 'a', 'zz')]", "null");
    check("[map(parameters('list'), lambda('n', add(lambdaVariables('n'), 1)))]", "[2, 3, 4]");
    check("[filter(parameters('list'), lambda('n', greater(lambdaVariables('n'), 1)))]", "[2, 3]");
    check("[sort(parameters('list'), lambda('a', 'b', greater(lambdaVariables('a'), lambdaVariables('b'))))]", "[3, 2, 1]");
    check("[reduce(parameters('list'), 0, lambda('a', 'b', add(lambdaVariables('a'), lambdaVariables('b'))))]", "6");
    check("[toObject(createArray('a'), lambda('k', lambdaVariables('k')), lambda('k', 1))]", "{a: 1}");
    check("[variables('numbers')]", "[0, 2, 4]");
    check("[variables('within').items]", "[{n: 1}, {n: 2}]");
}

#[test]
fn numbers_and_conditions() {
    check("[add(1, sub(5, mul(2, div(7, mod(5, 3)))))]", "0");
    check("[div(1, 0)]", "??");
    check("[equals('a', 'A')]", "false");
    check("[equals(parameters('open'), null())]", "false");
    check("[less(1, 2)]", "true");
    check("[greaterOrEquals('b', 'a')]", "true");
    check("[and(false(), parameters('flag'))]", "false");
    check("[and(true(), parameters('flag'))]", "?");
    check("[or(true(), parameters('flag'))]", "true");
    check("[not(equals(1, 1))]", "false");
    check("[if(equals(parameters('env'), 'prod'), 'yes', 'no')]", "\"yes\"");
    check("[if(parameters('flag'), 'yes', 'no')]", "?");
    check("[if(parameters('flag'), 'same', 'same')]", "\"same\"");
    check("[if(parameters('flag'), 'yes', null())]", "??");
    check("[coalesce(null(), parameters('free'), 'x')]", "\"x\"");
}

#[test]
fn what_only_azure_knows_is_set_and_names_resources() {
    check("[uniqueString(resourceGroup().id)]", "?");
    check("[resourceGroup().location]", "?");
    check("[utcNow()]", "?");
    check("[resourceId('Microsoft.Storage/storageAccounts', variables('name'))]", "?>Microsoft.Storage/storageAccounts/app-prod.id");
    check(
        "[resourceId('other-group', 'microsoft.storage/STORAGEACCOUNTS', 'app-prod')]",
        "?>Microsoft.Storage/storageAccounts/app-prod.id",
    );
    check("[resourceId('Microsoft.Storage/storageAccounts', 'else')]", "/?");
    check(
        "[reference(variables('name')).primaryEndpoints.blob]",
        "?>Microsoft.Storage/storageAccounts/app-prod.properties.primaryEndpoints.blob",
    );
    check(
        "[reference(resourceId('Microsoft.Storage/storageAccounts', variables('name')), '2022-09-01', 'Full').identity]",
        "?>Microsoft.Storage/storageAccounts/app-prod.identity",
    );
    check(
        "[listKeys(resourceId('Microsoft.Storage/storageAccounts', variables('name')), '2022-09-01').keys[0].value]",
        "??>Microsoft.Storage/storageAccounts/app-prod.id!",
    );
}

/// Each subject as `type id value`, after templates are put in their frame.
fn check_resources(inside: &str, expected: &[&str]) {
    let text = format!("{{ {SCHEMA} {inside} }}");
    let (collected, _) = collect(&[("t.json", &text)]);
    assert!(collected.coverage.skipped.iter().all(|file| !file.fails || file.partly), "{:?}", collected.diagnostics);
    let shown: Vec<String> = collected
        .subjects
        .iter()
        .map(|subject| format!("{} {} {}", subject.type_name, subject.id, subject.value.get("properties").map_or("-".to_owned(), show)))
        .collect();
    assert_eq!(shown, expected, "{inside}");
}

#[test]
fn resources_conditions_and_copies() {
    check_resources(
        r#""resources": [
            {"type": "microsoft.storage/storageaccounts", "name": "a", "Properties": {"x": 1}},
            {"type": "Microsoft.Web/sites", "name": "b", "condition": false},
            {"type": "Microsoft.Web/sites", "name": "c", "condition": "[equals(1, 2)]"},
            {"type": "Microsoft.Web/sites", "name": "[concat('d', copyIndex(1))]", "copy": {"name": "l", "count": 2}, "properties": {"i": "[copyIndex()]"}},
            {"type": "Microsoft.Web/sites", "name": "same"}, {"type": "Microsoft.Web/sites", "name": "same"}
        ]"#,
        &[
            "Microsoft.Storage/storageAccounts Microsoft.Storage/storageAccounts/a {x: 1}",
            "Microsoft.Web/sites Microsoft.Web/sites/d1 {i: 0}",
            "Microsoft.Web/sites Microsoft.Web/sites/d2 {i: 1}",
            "Microsoft.Web/sites Microsoft.Web/sites/same -",
            "Microsoft.Web/sites Microsoft.Web/sites/same#2 -",
        ],
    );
    check_resources(
        r#""parameters": {"n": {"type": "int"}}, "resources": [
            {"type": "Microsoft.Web/sites", "name": "[format('w{0}', copyIndex())]", "copy": {"name": "l", "count": "[parameters('n')]"}, "properties": {"i": "[copyIndex()]"}}]"#,
        &["Microsoft.Web/sites Microsoft.Web/sites/w{copyindex()} {i: ??}"],
    );
    check_resources(
        r#""languageVersion": "2.0", "resources": {
            "store": {"type": "Microsoft.Storage/storageAccounts@2022-09-01", "name": "a"}, "kept": {"existing": true, "type": "Microsoft.Web/sites", "name": "z"},
            "web": {"type": "Microsoft.Web/sites", "name": "b", "properties": {"s": "[reference('store').x]"}}}"#,
        &[
            "Microsoft.Storage/storageAccounts Microsoft.Storage/storageAccounts/a -",
            "Microsoft.Web/sites Microsoft.Web/sites/b {s: ?>Microsoft.Storage/storageAccounts/a.properties.x}",
        ],
    );
}

#[test]
fn nested_resources_have_their_parents_types_and_refer_to_them() {
    let text = format!(
        r#"{{ {SCHEMA} "parameters": {{"server": {{"type": "string"}}}}, "resources": [
            {{"type": "Microsoft.Sql/servers", "name": "[parameters('server')]", "resources": [
                {{"type": "firewallRules", "name": "all"}},
                {{"type": "databases", "name": "db", "resources": [
                    {{"type": "Microsoft.Sql/servers/databases/auditingSettings", "name": "[concat(parameters('server'), '/db/default')]"}}]}}]}},
            {{"type": "Microsoft.Sql/servers/administrators", "name": "[format('{{0}}/admin', parameters('server'))]",
              "dependsOn": ["[concat('Microsoft.Sql/servers/', parameters('server'))]", "unknown"]}}] }}"#
    );
    let (collected, _) = collect(&[("t.json", &text)]);
    let shown: Vec<String> = collected
        .subjects
        .iter()
        .map(|subject| {
            let part = |key: &str| subject.value.get(key).map_or("-".to_owned(), show);
            format!("{} {} {}", subject.id, part("parent"), part("dependsOn"))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "Microsoft.Sql/servers/{server} - -",
            "Microsoft.Sql/servers/{server}/firewallRules/all ?>Microsoft.Sql/servers/{server}.id -",
            "Microsoft.Sql/servers/{server}/databases/db ?>Microsoft.Sql/servers/{server}.id -",
            "Microsoft.Sql/servers/{server}/databases/db/auditingSettings/default ?>Microsoft.Sql/servers/{server}/databases/db.id -",
            "Microsoft.Sql/servers/{server}/administrators/admin ?>Microsoft.Sql/servers/{server}.id [Microsoft.Sql/servers/?>Microsoft.Sql/servers/{server}.id, \"unknown\"]",
        ],
        "{:?}",
        collected.diagnostics
    );
}

#[test]
fn templates_inside_of_deployments() {
    let inner = |scope: &str| {
        format!(
            r#""parameters": {{"p": {{"defaultValue": "outer"}}}}, "resources": [{{"type": "Microsoft.Resources/deployments", "name": "d", "properties": {{
                "mode": "Incremental", "expressionEvaluationOptions": {{"scope": "{scope}"}}, "parameters": {{"p": {{"value": "[concat(parameters('p'), '-passed')]"}}}},
                "template": {{"parameters": {{"p": {{"type": "string"}}, "q": {{"type": "securestring", "defaultValue": "hush"}}}},
                    "resources": [{{"type": "Microsoft.Web/sites", "name": "w", "properties": {{"v": "[parameters('p')]"}}}}]}}}}}}]"#
        )
    };
    let deployment = "Microsoft.Resources/deployments Microsoft.Resources/deployments/d";
    check_resources(
        &inner("inner"),
        &[
            "secureString parameters/q -",
            &format!(
                "{deployment} {{mode: \"Incremental\", expressionEvaluationOptions: {{scope: \"inner\"}}, parameters: {{p: {{value: \"outer-passed\"}}}}}}"
            ),
            "Microsoft.Web/sites Microsoft.Web/sites/w {v: \"outer-passed\"}",
        ],
    );
    let (collected, _) = collect(&[("t.json", &format!("{{ {SCHEMA} {} }}", inner("outer")))]);
    assert_eq!(collected.subjects.last().map(|subject| show(&subject.value)).unwrap().split("v: ").last(), Some("\"outer\"}}"));
    assert_eq!(collected.subjects.last().map(|subject| subject.via.len()), Some(1));
}

#[test]
fn values_of_parameters_and_where_they_come_from() {
    let template = format!(
        r#"{{ {SCHEMA} "parameters": {{"a": {{"type": "string", "defaultValue": "one"}}, "k": {{"type": "securestring"}}, "d": {{"defaultValue": 5}}}},
            "resources": [{{"type": "Microsoft.Web/sites", "name": "w", "properties": {{"a": "[parameters('a')]", "k": "[parameters('k')]", "d": "[parameters('d')]"}}}}] }}"#
    );
    let values = r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#", "contentVersion": "1.0.0.0",
        "parameters": {"a": {"value": "two"}, "k": {"reference": {"keyVault": {"id": "x"}, "secretName": "s"}}}}"#;
    let (collected, sources) =
        collect(&[("x/main.json", &template), ("x/main.parameters.json", values), ("x/prod.parameters.json", values)]);
    let properties = collected.subjects.last().and_then(|subject| subject.value.get("properties")).unwrap();
    assert_eq!(show(properties), "{a: \"two\", k: ?!, d: 5}");
    let steps = |key: &str| {
        let origin = properties.get(key).unwrap().origin.clone().unwrap();
        let step = origin.steps.first().cloned().unwrap();
        format!("{:?} {} {}", step.kind, step.name, sources.snippet(step.span).unwrap())
    };
    assert_eq!(steps("a"), "VariableFile parameters.a \"a\"");
    assert_eq!(steps("d"), "VariableDefault parameters.d 5");
    let read: Vec<&str> = collected.coverage.read.iter().map(|file| &*file.file).collect();
    assert_eq!(read, ["x/main.json", "x/main.parameters.json"]);
    let skipped: Vec<(&str, bool)> = collected.coverage.skipped.iter().map(|file| (&*file.file, file.fails)).collect();
    assert_eq!(skipped, [("x/prod.parameters.json", false)]);
}

#[test]
fn suppressions_by_metadata_and_comment() {
    let text = format!(
        r#"{{ {SCHEMA} "resources": [
  {{ "type": "Microsoft.Web/sites", "name": "a", "metadata": {{ "checkov": ["CKV_AZURE_1:fine", {{"id": "CKV_AZURE_2", "comment": "too"}}] }} }},
  // probity:allow some-rule reason="below"
  {{ "type": "Microsoft.Web/sites", "name": "b",
    // checkov:skip=CKV_AZURE_3:inside
    "properties": {{
      // tfsec:ignore:some-line
      "x": 1 }} }}
] }}"#
    );
    let (collected, sources) = collect(&[("t.json", &text)]);
    let shown: Vec<String> = collected
        .suppressions
        .iter()
        .map(|found| {
            let reach = match found.reach {
                SuppressionReach::Subject => "subject",
                SuppressionReach::Lines => "lines",
                SuppressionReach::File => "file",
            };
            let (_, start, end) = sources.locate(found.target).unwrap();
            format!("{} {} {:?} {reach} {}-{}", found.style.as_str(), found.id, found.reason, start.line, end.line)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "checkov CKV_AZURE_1 \"fine\" subject 2-2",
            "checkov CKV_AZURE_2 \"too\" subject 2-2",
            "probity some-rule \"below\" subject 4-8",
            "checkov CKV_AZURE_3 \"inside\" subject 4-8",
            "tfsec some-line \"\" lines 8-8",
        ]
    );
}

#[test]
fn what_is_claimed_and_what_is_broken() {
    let (collected, _) = collect(&[
        ("a.json", r#"{"contentVersion": "1", "resources": []}"#),
        ("b.json", r#"{"contentVersion": 1, "resources": 3}"#),
        ("c.json", r#"{"apiVersion": "v1", "kind": "Pod"}"#),
        (
            "d.json",
            r#"{"$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#", "resources": [1, {}]}"#,
        ),
        ("e.json", r#"{"$schema": "https://x/deploymentTemplate.json#", "resources": ["#),
        ("f.txt", r#"{"contentVersion": "1", "resources": []}"#),
    ]);
    let read: Vec<(&str, usize)> = collected.coverage.read.iter().map(|file| (&*file.file, file.subjects)).collect();
    assert_eq!(read, [("a.json", 0), ("d.json", 0)]);
    let skipped: Vec<(&str, &str)> = collected.coverage.skipped.iter().map(|file| (&*file.file, &*file.why)).collect();
    assert_eq!(skipped, [("e.json", "not valid JSON")]);
    let codes: Vec<&str> = collected.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, ["arm-resource", "arm-resource", "json-syntax"]);
}

#[test]
fn growth_and_depth_have_limits() {
    let doubling: String = (0..60).fold(String::new(), |mut out, at| {
        write!(out, r#""v{}": "[createArray(variables('v{at}'), variables('v{at}'))]","#, at + 1).unwrap();
        out
    });
    let texts: String = (0..60).fold(String::new(), |mut out, at| {
        write!(out, r#""t{}": "[concat(variables('t{at}'), variables('t{at}'))]","#, at + 1).unwrap();
        out
    });
    let deep = format!("{}'a'{}", "concat(".repeat(5_000), ")".repeat(5_000));
    let text = format!(
        r#"{{ {SCHEMA} "variables": {{ {doubling} {texts} "v0": "x", "t0": "xxxxxxxx" }}, "resources": [
            {{"type": "Microsoft.Web/sites", "name": "w", "copy": {{"name": "l", "count": 100000}},
              "properties": {{"a": "[variables('v60')]", "b": "[variables('t60')]", "c": "[{deep}]", "d": "[range(0, 1000000000)]"}}}}] }}"#
    );
    let (collected, _) = collect(&[("t.json", &text)]);
    assert!(collected.diagnostics.iter().any(|diagnostic| diagnostic.code == "arm-copies"));
    let shown = collected.subjects.first().and_then(|subject| subject.value.get("properties")).map(show).unwrap();
    assert!(shown.len() < 100_000 && shown.starts_with("{a: [[") && shown.ends_with("b: ?, c: ??, d: ??}"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_bytes_end(seed in 0_usize..3, cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)) {
        let seeds = [
            r#"{"$schema":"https://x/deploymentTemplate.json#","variables":{"copy":[{"name":"n","count":2,"input":"[copyIndex('n')]"}]},"resources":[{"type":"A.B/c","name":"[concat('a',variables('n')[0])]","copy":{"count":2}}]}"#,
            r#"{"$schema":"https://x/deploymentTemplate.json#","resources":[{"type":"Microsoft.Resources/deployments","name":"d","properties":{"template":{"resources":[{"type":"A.B/c","name":"[format('{0}', parameters('x').y[?0])]"}]}}}]}"#,
            r#"{"contentVersion":"1","resources":{"a":{"type":"A.B/c@1","name":"x","resources":[{"type":"d","name":"[if(true(),'a','b')]"}]}}}"#,
        ];
        let mut bytes = seeds[seed].as_bytes().to_vec();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = collect(&[("t.json", &text)]);
    }
}
