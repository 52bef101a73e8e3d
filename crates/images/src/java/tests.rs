use super::*;
use crate::catalogue::tests::check;

/// A zip archive of stored entries.
pub(crate) fn jar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let mut sum = flate2::Crc::new();
        sum.update(content);
        let offset = out.len() as u32;
        let mut middle = [20_u16, 0, 0, 0, 0].iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        for value in [sum.sum(), content.len() as u32, content.len() as u32] {
            middle.extend(value.to_le_bytes());
        }
        middle.extend((name.len() as u16).to_le_bytes());
        middle.extend([0; 2]);
        out.extend(b"PK\x03\x04");
        out.extend(&middle);
        out.extend(name.as_bytes());
        out.extend(*content);
        list.extend(b"PK\x01\x02\x14\x03");
        list.extend(&middle);
        list.extend([0; 10]);
        list.extend(offset.to_le_bytes());
        list.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&list);
    out.extend(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        out.extend((entries.len() as u16).to_le_bytes());
    }
    out.extend((list.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

fn pom(group: &str, artifact: &str, version: &str) -> (String, Vec<u8>) {
    let text = format!("#Generated\ngroupId={group}\nartifactId={artifact}\nversion={version}\n");
    (format!("META-INF/maven/{group}/{artifact}/pom.properties"), text.into_bytes())
}

#[test]
fn names_of_files_hold_versions() {
    let check = |stem: &str, name: &str, version: &str| assert_eq!(split(stem), (name, version), "{stem}");
    check("commons-io-2.11.0", "commons-io", "2.11.0");
    check("guava-31.1-jre", "guava", "31.1-jre");
    check("log4j-1.2-api-2.17.1", "log4j-1.2-api", "2.17.1");
    check("spring-boot-3.2.0-SNAPSHOT", "spring-boot", "3.2.0-SNAPSHOT");
    check("scala-library_2.13", "scala-library", "2.13");
    check("jackson-module-scala_2.13-2.15.0", "jackson-module-scala_2.13", "2.15.0");
    check("app", "app", "");
    check("rt-b01", "rt-b01", "");
    check("asm-v9.1", "asm", "v9.1");
    check("-1", "-1", "");
}

#[test]
fn archives_within_archives_are_read() {
    let (path, properties) = pom("org.apache.commons", "commons-text", "1.9");
    let inner =
        jar(&[(&path, &properties), ("META-INF/MANIFEST.MF", b"Bundle-License: https://www.apache.org/licenses/LICENSE-2.0\r\n .txt\r\n")]);
    let (shaded_path, shaded) = pom("com.google.guava", "guava", "31.1-jre");
    let (own_path, own) = pom("com.example", "app", "1.0");
    let war = jar(&[("WEB-INF/lib/commons-text-1.9.jar", &inner), (&own_path, &own), (&shaded_path, &shaded), ("a.class", b"x")]);
    check(
        &[("srv/app.war", war)],
        &[
            "pkg:maven/com.example/app@1.0 srv/app.war:0",
            "pkg:maven/com.google.guava/guava@31.1-jre srv/app.war!/META-INF/maven/com.google.guava/guava/pom.properties:0",
            "pkg:maven/org.apache.commons/commons-text@1.9 srv/app.war!/WEB-INF/lib/commons-text-1.9.jar:0 licences https://www.apache.org/licenses/LICENSE-2.0.txt",
        ],
        &[],
    );
}

#[test]
fn manifests_and_names_help_where_maven_wrote_nothing() {
    let with = |manifest: &str| jar(&[("META-INF/MANIFEST.MF", manifest.as_bytes())]);
    check(
        &[
            (
                "lib/commons-io.jar",
                with(
                    "Bundle-SymbolicName: org.apache.commons.commons-io;x=y\nImplementation-Version: 2.11.0\n\nName: x\nBundle-Version: 9\n",
                ),
            ),
            ("lib/jetty-util-9.4.1.jar", with("Bundle-SymbolicName: org.eclipse.jetty.util\n")),
            ("lib/old-1.0.jar", with("Implementation-Vendor-Id: com.old\nImplementation-Version: 7\n")),
            ("lib/plain-2.jar", jar(&[("META-INF/maven/com.plain/plain/pom.xml", b"<project/>")])),
            ("lib/thing.jar", with("")),
        ],
        &[
            "pkg:maven/org.apache.commons/commons-io@2.11.0 lib/commons-io.jar:0",
            "pkg:maven/org.eclipse.jetty/jetty-util@9.4.1 lib/jetty-util-9.4.1.jar:0",
            "pkg:maven/com.old/old@1.0 lib/old-1.0.jar:0",
            "pkg:maven/com.plain/plain@2 lib/plain-2.jar:0",
            "pkg:maven/thing/thing lib/thing.jar:0",
        ],
        &["lib/thing.jar:0 the version of the archive is not told"],
    );
}

#[test]
fn hostile_archives_are_told() {
    let mut nested = jar(&[("a.txt", b"x")]);
    for _ in 0..7 {
        nested = jar(&[("n-1.jar", &nested)]);
    }
    let tree = probity_testkit::MapTree::new([("n-1.jar", nested)]);
    let found = crate::catalogue_root(&tree);
    assert_eq!(found.packages.len(), 6);
    assert_eq!(found.problems[0].what, "archives lie more than 6 deep within each other; this one is not read");
    check(
        &[
            ("a-1.jar", b"no archive".to_vec()),
            ("b.rar", b"Rar!".to_vec()),
            ("c-1.jar", jar(&[("META-INF/maven/x/y/pom.properties", b"artifactId=y\n")])),
        ],
        &["pkg:maven/a/a@1 a-1.jar:0", "pkg:maven/c/c@1 c-1.jar:0", "pkg:maven/y/y c-1.jar!/META-INF/maven/x/y/pom.properties:0"],
        &[
            "a-1.jar:0 it is no zip archive, or its end is missing!",
            "c-1.jar!/META-INF/maven/x/y/pom.properties:0 it does not name group, artifact and version!",
        ],
    );
}
