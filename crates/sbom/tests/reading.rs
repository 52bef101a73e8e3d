//! Bills of materials of other programs, in the shapes those write, and broken ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use probity_packages::Usage;
use probity_sbom::{Document, SbomError, read};

/// What was read: subject, distribution, packages with all that was understood of them, links, problems.
fn told(document: &Document) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(subject) = &document.subject {
        let version = subject.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        out.push(format!("subject {}{version} {:?}", subject.name, subject.kind));
    }
    if let Some(one) = &document.distribution {
        out.push(format!("distribution {} {}", one.id, one.version_id.as_deref().unwrap_or("-")));
    }
    for package in &document.inventory.packages {
        let mut line = package.purl.to_string();
        if let Some(source) = &package.built_from {
            line.push_str(&format!(" from {} {}", source.name, source.version));
        }
        if package.usage != Usage::Runtime {
            line.push_str(&format!(" {:?}", package.usage));
        }
        if let Some(direct) = package.direct {
            line.push_str(if direct { " direct" } else { " indirect" });
        }
        for licence in &package.licences {
            line.push_str(&format!(" ({licence})"));
        }
        for hash in &package.hashes {
            line.push_str(&format!(" {}", hash.chars().take(12).collect::<String>()));
        }
        if let Some(address) = &package.resolved {
            line.push_str(&format!(" <{address}>"));
        }
        for place in &package.at {
            line.push_str(&format!(" at {}:{}", place.file, place.line));
            if let Some(layer) = &place.layer {
                line.push_str(&format!(" in {layer}"));
            }
        }
        out.push(line);
    }
    let name = |index: usize| document.inventory.packages[index].purl.name.to_string();
    out.extend(document.inventory.links.iter().map(|link| format!("{} needs {}", name(link.from), name(link.to))));
    if document.without_identity > 0 {
        out.push(format!("without identity {}", document.without_identity));
    }
    let fails = |fails: bool| if fails { " (may miss packages)" } else { "" };
    out.extend(document.inventory.problems.iter().map(|one| format!("{}: {}{}", one.line, one.what, fails(one.fails))));
    out
}

fn check(text: &str, expected: &[&str]) {
    match read(text.as_bytes(), "bill") {
        Ok(document) => assert_eq!(told(&document), expected, "{text}"),
        Err(error) => panic!("{error}: {text}"),
    }
}

fn refused(text: &str, expected: &str) {
    assert_eq!(read(text.as_bytes(), "bill").unwrap_err().to_string(), expected, "{text}");
}

fn components(list: &str) -> String {
    format!("{{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.4\", \"components\": [\n{list}]}}")
}

#[test]
fn cyclonedx_in_general() {
    check(&components(""), &[]);
    check(
        &components(
            r#"{"type": "library", "name": "a", "version": "1", "purl": "pkg:npm/a@1", "scope": "optional", "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "Mine"}}],
              "hashes": [{"alg": "SHA-1", "content": "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"}], "externalReferences": [{"type": "website", "url": "x"}, {"type": "distribution", "url": "https://r.example/a.tgz"}]}"#,
        ),
        &["pkg:npm/a@1 Optional (MIT) (Mine) sha1:da39a3e <https://r.example/a.tgz> at bill:2"],
    );
    check(
        &components(
            r#"{"type": "library", "name": "a", "purl": "pkg:npm/a@1", "licenses": [{"expression": "MIT OR ISC"}], "evidence": {"licenses": [{"license": {"id": "ISC"}}]}}"#,
        ),
        &["pkg:npm/a@1 (MIT OR ISC) at bill:2"],
    );
    check(
        &components(r#"{"type": "library", "name": "a", "purl": "pkg:npm/a@1", "evidence": {"licenses": [{"license": {"id": "ISC"}}]}}"#),
        &["pkg:npm/a@1 (ISC) at bill:2"],
    );
    // Components in components, with lines.
    check(
        &components(
            "{\"type\": \"application\", \"name\": \"w\", \"purl\": \"pkg:maven/g/w@1\", \"components\": [\n{\"type\": \"library\", \"name\": \"a\", \"purl\": \"pkg:maven/g/a@1\"}]}",
        ),
        &["pkg:maven/g/a@1 at bill:3", "pkg:maven/g/w@1 at bill:2"],
    );
    check(
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": {"tools": {"components": [{"type": "application", "name": "t", "version": "1"}]},
          "component": {"type": "application", "name": "app", "version": "2", "bom-ref": "app"}},
          "components": [{"type": "library", "name": "a", "bom-ref": "a", "purl": "pkg:npm/a@1"}, {"type": "library", "name": "b", "bom-ref": "b", "purl": "pkg:npm/b@1"},
            {"type": "library", "name": "c", "bom-ref": "c", "purl": "pkg:npm/c@1"}],
          "dependencies": [{"ref": "app", "dependsOn": ["a"]}, {"ref": "a", "dependsOn": ["b"]}]}"#,
        &[
            "subject app 2 Application",
            "pkg:npm/a@1 direct at bill:3",
            "pkg:npm/b@1 indirect at bill:3",
            "pkg:npm/c@1 at bill:4",
            "a needs b",
        ],
    );
}

#[test]
fn what_has_no_identity() {
    check(
        &components(
            r#"{"type": "library", "name": "a", "version": "1", "cpe": "cpe:2.3:a:a:a:1:*:*:*:*:*:*:*"}, {"type": "library", "group": "g", "name": "b", "version": "1"},
              {"type": "library", "name": "c"}, {"type": "file", "name": "/etc/d"}, {"type": "operating-system", "name": "Debian", "version": "12.4"}"#,
        ),
        &[
            "distribution debian 12.4",
            "pkg:generic/a@1 at bill:2",
            "pkg:generic/g/b@1 at bill:2",
            "without identity 1",
            "2: 1 components are known by a CPE alone, which nothing is matched with",
            "2: 1 components have no package URL, so nothing is matched with them",
            "3: 1 components have neither a package URL nor a version, and are left out",
        ],
    );
    check(
        &components(
            r#"{"type": "library", "name": "a", "version": "1", "purl": "npm/a"}, {"type": "library", "name": "b", "purl": "pkg:swift/b"}"#,
        ),
        &[
            "pkg:generic/a@1 at bill:2",
            "without identity 1",
            "2: 1 components have neither a package URL nor a version, and are left out",
            "2: `npm/a` is no package URL, so nothing is matched with it: a package URL begins with `pkg:` (may miss packages)",
            "2: `pkg:swift/b` is no package URL, so nothing is matched with it: a package URL of type `swift` has a namespace (may miss packages)",
        ],
    );
}

#[test]
fn cyclonedx_that_is_broken() {
    check(
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.4", "components": [
          {"type": "library", "name": "a", "bom-ref": "a", "purl": "pkg:npm/a@1"}, {"type": "library", "name": "b", "bom-ref": "a", "purl": "pkg:npm/b@1"},
          7, {"type": "library"}],
          "dependencies": [{"ref": "a", "dependsOn": ["z", 8]}, {"dependsOn": []}]}"#,
        &[
            "pkg:npm/a@1 at bill:2",
            "pkg:npm/b@1 at bill:2",
            "without identity 1",
            "2: the reference `a` is there twice; the first counts",
            "3: 1 components have neither a package URL nor a version, and are left out",
            "3: a component has no name (may miss packages)",
            "3: a component is no object (may miss packages)",
            "4: `z` is no component, but one end of a dependency with `a`",
            "4: a dependency has no `ref`",
            "4: a dependency is no reference",
        ],
    );
    check(
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.4", "components": {"a": 1}}"#,
        &["1: `components` is no list, so no components are read here (may miss packages)"],
    );
    check(
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.4", "compositions": [{"aggregate": "complete"},
          {"aggregate": "incomplete_first_party_only"}]}"#,
        &["2: the bill says of itself that it is `incomplete_first_party_only`"],
    );
    check(
        r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.4"><compositions><composition><aggregate>incomplete</aggregate></composition></compositions></bom>"#,
        &["1: the bill says of itself that it is `incomplete`"],
    );
    refused("", "it is no bill of materials that is read: neither CycloneDX nor SPDX, as JSON, XML or tags and values");
    refused("{}", "it is no bill of materials that is read: neither CycloneDX nor SPDX, as JSON, XML or tags and values");
    refused("<html/>", "it is no bill of materials that is read: neither CycloneDX nor SPDX, as JSON, XML or tags and values");
    refused("{\n\"bomFormat\": ", "line 2: expected a value, found the end of the text");
    refused(
        "{\"bomFormat\": \"CycloneDX\",\n\"specVersion\": \"9.9\"}",
        "line 2: CycloneDX `9.9` is not read; versions that are: CycloneDX 1.2 to 1.7, SPDX 2.1 to 2.3",
    );
    refused(
        r#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}"#,
        "line 1: SPDX 3 (or other JSON-LD) is not read; versions that are: CycloneDX 1.2 to 1.7, SPDX 2.1 to 2.3",
    );
    let dtd = r#"<!DOCTYPE bom [<!ENTITY a "b">]><bom xmlns="http://cyclonedx.org/schema/bom/1.4"/>"#;
    assert!(matches!(read(dtd.as_bytes(), "bill"), Err(SbomError::Syntax { line: 1, .. })));
    let deep = format!("{}{}{}", components(&"{\"components\": [".repeat(300)), "]}".repeat(300), "");
    assert!(matches!(read(deep.as_bytes(), "bill"), Err(SbomError::Syntax { .. })));
    let deep = format!("<bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\">{}", "<components>".repeat(100_000));
    assert!(matches!(read(deep.as_bytes(), "bill"), Err(SbomError::Syntax { .. })));
    assert_eq!(read(b"{\n\xff", "bill"), Err(SbomError::Encoding { line: 2 }));
}

#[test]
fn cyclonedx_xml() {
    check(
        "<?xml version=\"1.0\"?>\n<bom xmlns=\"http://cyclonedx.org/schema/bom/1.3\" serialNumber=\"urn:uuid:1\" version=\"1\">
  <metadata><tools><tool><vendor>v</vendor><name>t</name></tool></tools><component type=\"container\" bom-ref=\"root\"><name>app</name><version>1</version></component></metadata>
  <components>
    <component type=\"library\" bom-ref=\"a\"><group>g</group><name>a</name><version>1</version><scope>excluded</scope>
      <hashes><hash alg=\"MD5\">d41d8cd98f00b204e9800998ecf8427e</hash></hashes><licenses><license><id>MIT</id></license></licenses>
      <purl>pkg:maven/g/a@1?type=jar&amp;classifier=x</purl></component>
    <component type=\"library\" bom-ref=\"b\"><name>b</name><version>1</version><licenses><expression>MIT OR ISC</expression></licenses><purl>pkg:npm/b@1</purl></component>
  </components>
  <dependencies><dependency ref=\"root\"><dependency ref=\"a\"/></dependency><dependency ref=\"a\"><dependency ref=\"b\"/></dependency></dependencies>
</bom>",
        &[
            "subject app 1 Container",
            "pkg:maven/g/a@1?classifier=x&type=jar Development direct (MIT) md5:d41d8cd9 at bill:5",
            "pkg:npm/b@1 indirect (MIT OR ISC) at bill:8",
            "a needs b",
        ],
    );
    refused(
        "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.3\">\n<components></bom>",
        "line 2: the XML is broken: expected 'components' tag, not 'bom'",
    );
    refused(
        "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.0\"/>",
        "line 1: CycloneDX `1.0` is not read; versions that are: CycloneDX 1.2 to 1.7, SPDX 2.1 to 2.3",
    );
}

#[test]
fn trivy() {
    check(
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": {"component": {"bom-ref": "r", "type": "container", "name": "app:1", "purl": "pkg:oci/app@sha256%3Aaa"}},
          "components": [
          {"bom-ref": "os", "type": "operating-system", "name": "debian", "version": "12.4", "properties": [{"name": "aquasecurity:trivy:Class", "value": "os-pkgs"}]},
          {"bom-ref": "lock", "type": "application", "name": "app/package-lock.json", "properties": [{"name": "aquasecurity:trivy:Class", "value": "lang-pkgs"}]},
          {"bom-ref": "c", "type": "library", "name": "libssl3", "version": "3.0.11-1", "purl": "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64",
           "properties": [{"name": "aquasecurity:trivy:SrcName", "value": "openssl"}, {"name": "aquasecurity:trivy:SrcVersion", "value": "3.0.11"},
             {"name": "aquasecurity:trivy:SrcRelease", "value": "1"}, {"name": "aquasecurity:trivy:LayerDigest", "value": "sha256:cc"}]},
          {"bom-ref": "n", "type": "library", "name": "n", "version": "1", "purl": "pkg:npm/n@1"}],
          "dependencies": [{"ref": "r", "dependsOn": ["os", "lock"]}, {"ref": "os", "dependsOn": ["c"]}, {"ref": "lock", "dependsOn": ["n"]}]}"#,
        &[
            "subject app:1 Container",
            "distribution debian 12.4",
            "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12.4 from openssl 3.0.11-1 at bill:5 in sha256:cc",
            "pkg:npm/n@1 at app/package-lock.json:0",
        ],
    );
    check(
        r#"{"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "app", "packages": [
          {"SPDXID": "SPDXRef-ContainerImage-1", "name": "app", "primaryPackagePurpose": "CONTAINER", "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:oci/app"}]},
          {"SPDXID": "SPDXRef-OperatingSystem-1", "name": "alpine", "versionInfo": "3.19.1", "primaryPackagePurpose": "OPERATING-SYSTEM"},
          {"SPDXID": "SPDXRef-Application-1", "name": "app/go.mod", "primaryPackagePurpose": "APPLICATION", "annotations": [{"annotator": "Tool: trivy-0.50", "comment": "Class: lang-pkgs"}]},
          {"SPDXID": "SPDXRef-Package-1", "name": "musl-utils", "versionInfo": "1.2.4-r2", "sourceInfo": "built package from: musl 1.2.4-r2", "licenseConcluded": "NONE", "licenseDeclared": "MIT",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:apk/alpine/musl-utils@1.2.4-r2"}], "attributionTexts": ["LayerDiffID: sha256:dd"]},
          {"SPDXID": "SPDXRef-Package-2", "name": "m", "versionInfo": "v1", "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:golang/m@v1"}]}],
          "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "SPDXRef-ContainerImage-1", "relationshipType": "DESCRIBES"},
            {"spdxElementId": "SPDXRef-Application-1", "relatedSpdxElement": "SPDXRef-Package-2", "relationshipType": "CONTAINS"}]}"#,
        &[
            "subject app Container",
            "distribution alpine 3.19.1",
            "pkg:apk/alpine/musl-utils@1.2.4-r2?distro=alpine-3.19.1 from musl 1.2.4-r2 (MIT) at bill:5 in sha256:dd",
            "pkg:golang/m@v1 at app/go.mod:0",
        ],
    );
}

#[test]
fn syft_and_cdxgen() {
    check(
        &components(
            r#"{"type": "library", "name": "bind-libs", "version": "9-1.el9", "purl": "pkg:rpm/almalinux/bind-libs@9-1.el9?distro=almalinux-9.3&upstream=bind-9-1.el9.src.rpm",
              "properties": [{"name": "syft:location:0:path", "value": "/var/lib/rpm/rpmdb.sqlite"}, {"name": "syft:location:0:layerID", "value": "sha256:aa"}]},
              {"type": "library", "name": "libc6", "version": "2", "purl": "pkg:deb/debian/libc6@2?upstream=glibc%403"}"#,
        ),
        &[
            // The distribution is told by most packages.
            "distribution almalinux 9.3",
            "pkg:deb/debian/libc6@2?distro=almalinux-9.3&upstream=glibc%403 from glibc 3 at bill:4",
            "pkg:rpm/almalinux/bind-libs@9-1.el9?distro=almalinux-9.3&upstream=bind-9-1.el9.src.rpm from bind 9-1.el9 at var/lib/rpm/rpmdb.sqlite:0 in sha256:aa",
        ],
    );
    check(
        &components(
            r#"{"type": "library", "name": "a", "purl": "pkg:npm/a@1", "properties": [{"name": "SrcFile", "value": "package-lock.json"}, {"name": "cdx:npm:package:development", "value": "true"}]},
              {"type": "library", "name": "b", "purl": "pkg:npm/b@1", "evidence": {"occurrences": [{"location": "src/x.js#7"}, {"location": "src/y.js", "line": 8}]}}"#,
        ),
        &["pkg:npm/a@1 Development at package-lock.json:0", "pkg:npm/b@1 at src/x.js:7 at src/y.js:8"],
    );
}

#[test]
fn spdx_of_others() {
    // The dependency graph of GitHub.
    check(
        r#"{"sbom": {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "com.github.o/r", "documentDescribes": ["SPDXRef-r"], "packages": [
          {"SPDXID": "SPDXRef-r", "name": "com.github.o/r", "versionInfo": "main", "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:github/o/r@main"}]},
          {"SPDXID": "SPDXRef-a", "name": "npm:a", "versionInfo": "1", "licenseConcluded": "MIT", "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/a@1"}]}],
          "relationships": [{"spdxElementId": "SPDXRef-r", "relatedSpdxElement": "SPDXRef-a", "relationshipType": "DEPENDS_ON"}]}}"#,
        &["subject com.github.o/r main Application", "pkg:npm/a@1 direct (MIT) at bill:3"],
    );
    check(
        "SPDXVersion: SPDX-2.2\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: d\nCreator: Tool: t\nCreated: 2024-01-01T00:00:00Z\n
PackageName: a\nSPDXID: SPDXRef-a\nPackageVersion: 1\nPackageComment: <text>one\ntwo</text>\nPackageLicenseDeclared: LicenseRef-1
PackageChecksum: MD5: d41d8cd98f00b204e9800998ecf8427e\nExternalRef: PACKAGE_MANAGER purl pkg:npm/a@1\n
PackageName: b\nSPDXID: SPDXRef-b\nExternalRef: PACKAGE-MANAGER purl pkg:npm/b@1\nExternalRef: PACKAGE-MANAGER purl pkg:npm/c@1
FileName: ./x.lock\nSPDXID: SPDXRef-x\n
LicenseID: LicenseRef-1\nExtractedText: <text>Mine\nalone</text>\nLicenseName: Mine\n
Relationship: SPDXRef-b DEV_DEPENDENCY_OF SPDXRef-a\nRelationship: SPDXRef-a OTHER SPDXRef-x\nRelationshipComment: evident-by: the file\nnonsense",
        &[
            "subject d Application",
            "pkg:npm/a@1 (Mine) md5:d41d8cd9 at x.lock:0",
            "pkg:npm/b@1 Development at bill:17",
            "a needs b",
            "17: a package has more than one package URL; `pkg:npm/b@1` is taken",
            "32: `nonsense` is no tag with a value (may miss packages)",
        ],
    );
    refused("SPDXVersion: SPDX-2.3\nPackageName: a\nPackageComment: <text>one", "line 3: the text that begins here has no end");
    refused("SPDXVersion: SPDX-9\n", "line 1: `SPDX-9` is not read; versions that are: CycloneDX 1.2 to 1.7, SPDX 2.1 to 2.3");
    // One package that is described is a package, where there is no other.
    let described = |more: &str| {
        format!(
            r#"{{"spdxVersion": "SPDX-2.3", "name": "d", "documentDescribes": ["SPDXRef-a"], "packages": [{{"SPDXID": "SPDXRef-a", "name": "a",
              "versionInfo": "1", "externalRefs": [{{"referenceType": "purl", "referenceLocator": "pkg:npm/a@1"}}]}}{more}]}}"#
        )
    };
    check(&described(""), &["subject a 1 Application", "pkg:npm/a@1 at bill:1"]);
    check(
        &described(r#", 5, {"name": "b"}"#),
        &[
            "subject a 1 Application",
            "without identity 1",
            "2: 1 components have neither a package URL nor a version, and are left out",
            "2: a package has no `SPDXID`",
            "2: a package is no object (may miss packages)",
        ],
    );
}
