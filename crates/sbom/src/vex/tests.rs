use super::*;

/// Statements in a line each: id, status, reason, products; then the problems.
fn told(text: &str) -> Vec<String> {
    let vex = read(text.as_bytes(), "vex").unwrap();
    let product = |one: &Product| {
        let whole = one.purl.as_ref().map(ToString::to_string).or_else(|| one.bom.as_ref().map(ToString::to_string)).unwrap_or_default();
        let parts: Vec<String> = one.subcomponents.iter().map(ToString::to_string).collect();
        if parts.is_empty() { whole } else { format!("{whole}[{}]", parts.join(" ")) }
    };
    let statement = |one: &Statement| {
        let reason = one.justification.as_deref().or(one.impact.as_deref()).unwrap_or("-");
        let products: Vec<String> = one.products.iter().map(product).collect();
        format!("{} {} {reason} {}", one.vulnerability, one.status.name(), products.join(" "))
    };
    vex.statements.iter().map(statement).chain(vex.problems.iter().map(|problem| format!("{}: {}", problem.line, problem.what))).collect()
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(told(text), expected, "{text}");
}

fn openvex(statements: &str) -> String {
    format!(
        r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "A", "timestamp": "2024-01-01T00:00:00Z", "statements": [{statements}]}}"#
    )
}

#[test]
fn openvex_statements() {
    check(
        &openvex(
            r#"{"vulnerability": {"name": "CVE-1", "aliases": ["GHSA-1"]}, "status": "not_affected", "justification": "component_not_present",
               "products": [{"@id": "pkg:oci/app@sha256:aa", "subcomponents": [{"@id": "pkg:npm/a@1"}]}]}"#,
        ),
        &["CVE-1 not_affected component_not_present pkg:oci/app@sha256:aa[pkg:npm/a@1]"],
    );
    check(
        &openvex(r#"{"vulnerability": {"name": "CVE-1"}, "status": "not_affected", "products": [{"@id": "pkg:npm/a@1"}]}"#),
        &["1: the statement that `CVE-1` does not affect says neither by what justification nor with what impact, and does not count"],
    );
    check(
        &openvex(
            r#"{"vulnerability": {"name": "CVE-1"}, "status": "not_affected", "justification": "because", "products": [{"@id": "pkg:npm/a@1"}]}"#,
        ),
        &[
            "1: `because` is no justification of OpenVEX",
            "1: the statement that `CVE-1` does not affect says neither by what justification nor with what impact, and does not count",
        ],
    );
    check(
        &openvex(r#"{"vulnerability": {"name": "CVE-1"}, "status": "fine", "products": [{"@id": "pkg:npm/a@1"}]}"#),
        &["1: `fine` is no status of OpenVEX, so the statement does not count"],
    );
    check(
        &openvex(r#"{"vulnerability": {"name": "CVE-1"}, "status": "fixed", "products": [{"@id": "urn:mine"}]}"#),
        &["1: the statement about `CVE-1` names no product by a package URL, and covers nothing"],
    );
    check(
        &openvex(
            r#"{"vulnerability": {"name": "CVE-1"}, "status": "fixed", "products": [{"@id": "pkg:oci/app", "subcomponents": [{"@id": "x"}]}]}"#,
        ),
        &[
            "1: no subcomponent of the product has a package URL, so the statement covers nothing in it",
            "1: the statement about `CVE-1` names no product by a package URL, and covers nothing",
        ],
    );
    // 0.0.1 had texts, and subcomponents beside the products.
    check(
        r#"{"@context": "https://openvex.dev/ns", "statements": [{"vulnerability": "CVE-1", "status": "fixed",
           "products": ["pkg:oci/app"], "subcomponents": ["pkg:npm/a"]}]}"#,
        &["CVE-1 fixed - pkg:oci/app[pkg:npm/a]"],
    );
    check(
        r#"{"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://openvex.dev/ns", "predicate":
           {"@context": "https://openvex.dev/ns/v0.2.0", "statements": [{"vulnerability": {"@id": "https://a/CVE-1"}, "status": "fixed",
           "products": [{"@id": "x", "identifiers": {"purl": "pkg:npm/a"}}]}]}}"#,
        &["CVE-1 fixed - pkg:npm/a"],
    );
}

#[test]
fn cyclonedx_statements() {
    let document = |serial: &str, root: &str, vulnerabilities: &str| {
        format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.5", {serial} "metadata": {{"component": {{"type": "application", "name": "app",
            "bom-ref": "root"{root}}}}}, "components": [{{"type": "library", "name": "a", "bom-ref": "a", "purl": "pkg:npm/a@1"}},
            {{"type": "library", "name": "b", "bom-ref": "b"}}], "vulnerabilities": [{vulnerabilities}]}}"#
        )
    };
    let purl = r#", "purl": "pkg:npm/app@2""#;
    let analysed = |analysis: &str, reference: &str| {
        format!(r#"{{"id": "CVE-1", "analysis": {{{analysis}}}, "affects": [{{"ref": "{reference}"}}]}}"#)
    };
    let not = r#""state": "not_affected", "justification": "code_not_reachable""#;
    check(&document("", purl, &analysed(not, "a")), &["CVE-1 not_affected code_not_reachable pkg:npm/app@2[pkg:npm/a@1]"]);
    check(&document("", purl, &analysed(not, "root")), &["CVE-1 not_affected code_not_reachable pkg:npm/app@2"]);
    check(
        &document("", purl, &analysed(r#""state": "false_positive""#, "a")),
        &["CVE-1 not_affected false_positive pkg:npm/app@2[pkg:npm/a@1]"],
    );
    check(
        &document("", purl, &analysed(r#""state": "in_triage""#, "pkg:npm/c@1?package-id=12")),
        &["CVE-1 under_investigation - pkg:npm/c@1"],
    );
    check(
        &document(r#""serialNumber": "urn:uuid:1","#, "", &analysed(r#""state": "exploitable""#, "a")),
        &["CVE-1 affected - urn:uuid:1[pkg:npm/a@1]"],
    );
    check(
        &document("", "", &analysed(r#""state": "resolved""#, "urn:cdx:9/1#pkg%3Anpm%2Fc%401%3Fpackage-id%3D12")),
        &["CVE-1 fixed - urn:uuid:9[pkg:npm/c@1]"],
    );
    check(
        &document("", purl, &analysed(r#""state": "resolved""#, "b")),
        &[
            "3: `b` is no component with a package URL",
            "3: the statement about `CVE-1` names no product by a package URL, and covers nothing",
        ],
    );
    check(&document("", purl, r#"{"id": "CVE-1", "affects": [{"ref": "a"}]}"#), &[]);
    check(
        &document(
            "",
            purl,
            r#"{"id": "CVE-1", "analysis": {"state": "not_affected", "detail": "no"}, "affects": [{"ref": "a",
               "versions": [{"version": "1", "status": "affected"}, {"version": "2", "status": "unaffected"}]}]}"#,
        ),
        &["CVE-1 not_affected no pkg:npm/app@2[pkg:npm/a@2]"],
    );
    check(
        r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.4"><metadata><component type="application" bom-ref="r"><name>app</name>
           <purl>pkg:npm/app@2</purl></component></metadata><components><component type="library" bom-ref="a"><name>a</name><purl>pkg:npm/a@1</purl>
           </component></components><vulnerabilities><vulnerability><id>CVE-1</id><references><reference><id>GHSA-1</id></reference></references>
           <analysis><state>not_affected</state><justification>code_not_present</justification><responses><response>will_not_fix</response></responses>
           </analysis><affects><target><ref>a</ref></target></affects></vulnerability></vulnerabilities></bom>"#,
        &["CVE-1 not_affected code_not_present pkg:npm/app@2[pkg:npm/a@1]"],
    );
}

const CSAF: &str = r#"{"document": {"category": "csaf_vex", "csaf_version": "2.0", "publisher": {"name": "P"},
  "tracking": {"current_release_date": "2024-02-01T00:00:00Z"}},
 "product_tree": {
  "full_product_names": [{"name": "C", "product_id": "C"}],
  "branches": [{"category": "vendor", "name": "v", "branches": [
    {"category": "product_version", "name": "a", "product": {"name": "a", "product_id": "A", "product_identification_helper": {"purl": "pkg:npm/a@1"}}},
    {"category": "product_version", "name": "w", "product": {"name": "w", "product_id": "W", "product_identification_helper": {"purl": "pkg:oci/w"}}}]}],
  "relationships": [
    {"category": "default_component_of", "product_reference": "A", "relates_to_product_reference": "W", "full_product_name": {"name": "x", "product_id": "W:A"}},
    {"category": "default_component_of", "product_reference": "A", "relates_to_product_reference": "C", "full_product_name": {"name": "y", "product_id": "C:A"}}],
  "product_groups": [{"group_id": "G", "product_ids": ["W:A"]}]},
 "vulnerabilities": [STATEMENTS]}"#;

#[test]
fn csaf_statements() {
    let of = |statements: &str| CSAF.replace("STATEMENTS", statements);
    check(
        &of(r#"{"cve": "CVE-1", "product_status": {"known_not_affected": ["W:A"], "fixed": ["A"], "recommended": ["A"]},
            "flags": [{"label": "component_not_present", "group_ids": ["G"]}]}"#),
        &["CVE-1 not_affected component_not_present pkg:oci/w[pkg:npm/a@1]", "CVE-1 fixed - pkg:npm/a@1"],
    );
    check(
        &of(r#"{"ids": [{"system_name": "x", "text": "GHSA-1"}], "product_status": {"known_not_affected": ["A"]},
            "threats": [{"category": "impact", "details": "not called", "product_ids": ["A"]}]}"#),
        &["GHSA-1 not_affected not called pkg:npm/a@1"],
    );
    check(
        &of(r#"{"cve": "CVE-1", "product_status": {"known_not_affected": ["A"]}}"#),
        &["12: the statement that `CVE-1` does not affect says neither by what justification nor with what impact, and does not count"],
    );
    check(
        &of(r#"{"cve": "CVE-1", "product_status": {"known_affected": ["C", "C:A", "A"]}}"#),
        &[
            "CVE-1 affected - pkg:npm/a@1",
            "12: 2 products of `known_affected` of `CVE-1` have no package URL, or lie in one that has none, and are not covered",
        ],
    );
    assert_eq!(read(CSAF.replace("\"2.0\"", "\"1.0\"").replace("STATEMENTS", "").as_bytes(), "x"), Err(VexError::Format));
}

#[test]
fn what_is_covered() {
    let check = |said: &str, purl: &str, expected: bool| {
        assert_eq!(covers(&said.parse().unwrap(), &purl.parse().unwrap()), expected, "{said} {purl}");
    };
    check("pkg:npm/a", "pkg:npm/a@1", true);
    check("pkg:npm/a@1", "pkg:npm/a@1?x=1", true);
    check("pkg:npm/a@1", "pkg:npm/a@2", false);
    check("pkg:npm/a@1", "pkg:npm/a", false);
    check("pkg:npm/a?x=1", "pkg:npm/a@1", false);
    check("pkg:npm/%40s/a", "pkg:npm/a", false);
    check("pkg:deb/debian/a?distro=debian-12", "pkg:deb/debian/a@1?arch=amd64&distro=debian-12", true);
    check("pkg:golang/m/a#b", "pkg:golang/m/a@v1", false);
    check("pkg:golang/m/a", "pkg:golang/m/a@v1#b", true);
}

#[test]
fn verdicts() {
    let statement = |status: &str, time: &str, products: &str| {
        format!(
            r#"{{"vulnerability": {{"name": "CVE-1", "aliases": ["GHSA-1"]}}, "status": "{status}", "impact_statement": "{time}", "timestamp": "{time}",
            "products": [{products}]}}"#
        )
    };
    let image = r#"{"@id": "pkg:oci/app@sha256:aa", "subcomponents": [{"@id": "pkg:npm/a@1"}]}"#;
    let check = |statements: &[String], package: &str, subject: &str, id: &str, expected: Option<&str>| {
        let vex = read(openvex(&statements.join(",")).as_bytes(), "vex").unwrap();
        let subject = subject.parse().ok();
        let scope = Scope { subject: subject.as_ref(), bom: None };
        let package = package.parse().unwrap();
        let found = verdict(&vex.statements, &package, scope, &[id]);
        assert_eq!(found.and_then(|one| one.impact.as_deref()), expected, "{package} {subject:?} {id}");
        assert_eq!(Statements::new(vex.statements.clone()).verdict(&package, scope, &[id]), found);
    };
    let one = [statement("not_affected", "2024-01-01T00:00:00Z", image)];
    check(&one, "pkg:npm/a@1", "pkg:oci/app@sha256:aa", "CVE-1", Some("2024-01-01T00:00:00Z"));
    check(&one, "pkg:npm/a@1", "pkg:oci/app@sha256:aa?repository_url=x", "ghsa-1", Some("2024-01-01T00:00:00Z"));
    check(&one, "pkg:npm/a@1", "pkg:oci/app@sha256:aa", "CVE-2", None);
    check(&one, "pkg:npm/a@2", "pkg:oci/app@sha256:aa", "CVE-1", None);
    // A part that is covered in one product is not covered in another, nor by itself.
    check(&one, "pkg:npm/a@1", "pkg:oci/app@sha256:bb", "CVE-1", None);
    check(&one, "pkg:npm/a@1", "", "CVE-1", None);
    check(&one, "pkg:oci/app@sha256:aa", "", "CVE-1", None);
    // A statement about a whole product covers all in it; one about a package covers it anywhere.
    check(
        &[statement("not_affected", "2024-01-01T00:00:00Z", r#"{"@id": "pkg:oci/app"}"#)],
        "pkg:npm/a@1",
        "pkg:oci/app@sha256:bb",
        "CVE-1",
        Some("2024-01-01T00:00:00Z"),
    );
    check(
        &[statement("not_affected", "2024-01-01T00:00:00Z", r#"{"@id": "pkg:npm/a"}"#)],
        "pkg:npm/a@1",
        "",
        "CVE-1",
        Some("2024-01-01T00:00:00Z"),
    );
    // The latest counts, whatever its place; of the same time the last.
    let two = [statement("affected", "2024-03-01T00:00:00Z", image), statement("fixed", "2024-02-01T00:00:00Z", image)];
    check(&two, "pkg:npm/a@1", "pkg:oci/app@sha256:aa", "CVE-1", Some("2024-03-01T00:00:00Z"));
}

#[test]
fn what_is_no_vex() {
    for text in ["", "x", "{}", "<a/>", r#"{"predicateType": "x", "predicate": {"predicate": {}}}"#, "[]"] {
        assert_eq!(read(text.as_bytes(), "x"), Err(VexError::Format), "{text}");
    }
    assert!(matches!(read(b"{", "x"), Err(VexError::Text(SbomError::Syntax { line: 1, .. }))));
    assert!(matches!(read(b"\xff", "x"), Err(VexError::Text(SbomError::Encoding { line: 1 }))));
}
