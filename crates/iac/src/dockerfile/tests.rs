//! Files to subjects, suppressions and coverage.

use probity_core::{CollectOptions, SuppressionReach, Tree};
use probity_value::{Data, SourceMap, Value};

use super::*;
use crate::kubernetes::tests::{MapTree, scope_of};

fn collect(files: &[(&str, &str)]) -> (Collected, SourceMap) {
    let tree = MapTree::new(files);
    let (sources, options) = (SourceMap::new(), CollectOptions { max_file_size: 1 << 20, ..CollectOptions::default() });
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    (DockerfileSource.collect(&scope_of(&tree, &sources, &options, &unclaimed)), sources)
}

fn show(value: &Value) -> String {
    match &value.data {
        Data::Unknown(unknown) => format!("{}?", unknown.prefix),
        Data::String(text) => format!("{text:?}"),
        Data::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Data::Map(map) => {
            format!("{{{}}}", map.iter().map(|(key, entry)| format!("{key}: {}", show(&entry.value))).collect::<Vec<_>>().join(", "))
        }
        Data::Null => "null".to_owned(),
        Data::Bool(value) => value.to_string(),
        Data::Number(number) => number.to_string(),
    }
}

/// What one path into the value of a subject of a Dockerfile shows; `-` where it leads nowhere.
fn check(text: &str, id: &str, path: &str, expected: &str) {
    let (collected, _) = collect(&[("Dockerfile", text)]);
    let Some(subject) = collected.subjects.iter().find(|subject| &*subject.id == id) else {
        let ids: Vec<&str> = collected.subjects.iter().map(|subject| &*subject.id).collect();
        panic!("no {id} in {ids:?}");
    };
    let mut value = Some(&subject.value);
    for step in path.split('.') {
        value = value.and_then(|value| match step.parse::<usize>() {
            Ok(index) => value.as_list().and_then(|items| items.get(index)),
            Err(_) => value.get(step),
        });
    }
    assert_eq!(value.map_or_else(|| "-".to_owned(), show), expected, "{id} {path} of {text:?}");
}

/// One line for each subject, suppression, diagnostic and file.
fn check_file(path: &str, text: &str, expected: &[&str]) {
    let (collected, sources) = collect(&[(path, text)]);
    let lines =
        |span: Span| sources.locate(span).map_or_else(|| "nowhere".to_owned(), |(_, start, end)| format!("{}-{}", start.line, end.line));
    let mut out = Vec::new();
    for subject in &collected.subjects {
        assert_eq!(&*subject.root, path);
        out.push(format!("{} {} {}", subject.id, lines(subject.span), sources.snippet(subject.head).unwrap_or_default()));
    }
    for suppression in &collected.suppressions {
        let reach = match suppression.reach {
            SuppressionReach::Subject => "subject",
            SuppressionReach::Lines => "lines",
            SuppressionReach::File => "file",
        };
        out.push(format!("allow {} {} {reach} {}", suppression.style.as_str(), suppression.id, lines(suppression.target)));
    }
    for diagnostic in &collected.diagnostics {
        out.push(format!("{:?} {} {}: {}", diagnostic.level, diagnostic.code, lines(diagnostic.span), diagnostic.message));
    }
    for file in &collected.coverage.skipped {
        let marks = format!("{}{}", if file.fails { " fails" } else { "" }, if file.partly { " partly" } else { "" });
        out.push(format!("skipped: {}{marks}", file.why));
    }
    for file in &collected.coverage.read {
        out.push(format!("read {}", file.subjects));
    }
    assert_eq!(out, expected, "{path} {text:?}");
}

#[test]
fn names_that_are_claimed() {
    use Named::{Perhaps, Surely, Template};
    for (path, expected) in [
        ("Dockerfile", Some(Surely)),
        ("a/b/dockerfile", Some(Surely)),
        ("Dockerfile.prod", Some(Surely)),
        ("Dockerfile.v1.2", Some(Surely)),
        ("prod.Dockerfile", Some(Surely)),
        (".Dockerfile", Some(Surely)),
        ("prod.dockerfile", Some(Surely)),
        ("Containerfile", Some(Surely)),
        ("Containerfile.dev", Some(Surely)),
        ("Containerfile2", Some(Perhaps)),
        ("Dockerfile-dev", Some(Perhaps)),
        ("dockerfile.rs", Some(Perhaps)),
        ("Dockerfile.md", Some(Perhaps)),
        ("Dockerfile.j2", Some(Template)),
        ("Dockerfile.dockerignore", None),
        ("prod.Dockerfile.dockerignore", None),
        ("Dockerfiles/a", None),
        ("Dockerfiles", None),
        ("my-dockerfile", None),
    ] {
        assert_eq!(named(path), expected, "{path}");
    }
    check_file("dockerfile.rs", "fn main() {}", &[]);
    check_file("Dockerfile-dev", "# x\n\nARG a\n", &["ARG[1] 3-3 ARG", "read 1"]);
    check_file("Dockerfile.j2", "FROM {{ image }}\n", &["skipped: template, not rendered"]);
    check_file("Dockerfile.in", "FROM a\n", &["0/FROM[1] 1-1 FROM", "Dockerfile.in 1-1 FROM", "read 2"]);
}

#[test]
fn stages_ids_and_places() {
    let text =
        "ARG V=1\nFROM golang:$V AS Build\nRUN a \\\n  && b\nrun c\nFROM build\nCOPY --from=build x /x\nFROM alpine AS build\nUSER app\n";
    check_file(
        "d/Dockerfile",
        text,
        &[
            "ARG[1] 1-1 ARG",
            "build/FROM[1] 2-2 FROM",
            "build/RUN[1] 3-4 RUN",
            "build/RUN[2] 5-5 run",
            "1/FROM[1] 6-6 FROM",
            "1/COPY[1] 7-7 COPY",
            "2/FROM[1] 8-8 FROM",
            "2/USER[1] 9-9 USER",
            "d/Dockerfile 1-9 FROM",
            "read 9",
        ],
    );
    check(text, "build/FROM[1]", "image", "\"golang\"");
    check(text, "build/FROM[1]", "tag", "\"1\"");
    check(text, "build/FROM[1]", "as", "\"build\"");
    check(text, "build/FROM[1]", "final_stage", "false");
    check(text, "1/FROM[1]", "base_is_stage", "true");
    check(text, "1/FROM[1]", "tag", "-");
    check(text, "1/COPY[1]", "from", "\"build\"");
    check(text, "2/USER[1]", "final_stage", "true");
    check(text, "2/USER[1]", "stage_index", "2");
    check(text, "ARG[1]", "stage_index", "null");
    check(text, "ARG[1]", "stage", "\"\"");
    check(text, "Dockerfile", "stages.0.name", "\"build\"");
    check(text, "Dockerfile", "stages.1.name", "null");
    check(text, "Dockerfile", "stages.2.final", "true");
    check(text, "Dockerfile", "instructions.8.instruction", "-");
    check(text, "Dockerfile", "instructions.7.instruction", "\"USER\"");
    check(text, "Dockerfile", "final_stage.instructions.1.user", "\"app\"");
    check(text, "Dockerfile", "final_stage.user", "\"app\"");
}

#[test]
fn images() {
    let from = |line: &str, image: &str, tag: &str, digest: &str| {
        let text = format!("ARG V\nARG R=reg\nARG E=\n{line}\n");
        for (path, expected) in [("image", image), ("tag", tag), ("digest", digest)] {
            check(&text, "0/FROM[1]", path, expected);
        }
    };
    from("FROM alpine", "\"alpine\"", "-", "-");
    from("FROM localhost:5000/a/b", "\"localhost:5000/a/b\"", "-", "-");
    from("FROM localhost:5000/a/b:1@sha256:ff", "\"localhost:5000/a/b\"", "\"1\"", "\"sha256:ff\"");
    from("FROM --platform=linux/amd64 a:latest", "\"a\"", "\"latest\"", "-");
    from("FROM ${R}/a:1", "\"reg/a\"", "\"1\"", "-");
    from("FROM $V", "?", "?", "-");
    from("FROM ${V:-a:1}", "\"a\"", "\"1\"", "-");
    from("FROM $V/a:1", "?", "\"1\"", "-");
    from("FROM $V/a", "?", "?", "-");
    from("FROM a:$V-slim", "\"a\"", "?", "-");
    from("FROM x/a:1$V", "\"x/a\"", "1?", "-");
    from("FROM $V/a@sha256:ff", "?", "-", "\"sha256:ff\"");
    from("FROM a$E", "\"a\"", "-", "-");
    check("FROM --platform=$BUILDPLATFORM a", "0/FROM[1]", "platform", "?");
    check("ARG P=x\nFROM --platform=$P $P AS p", "p/FROM[1]", "flags", "{platform: \"x\"}");
    check("ARG P=x\nFROM --platform=$P $P AS p", "p/FROM[1]", "expanded", "\"x AS p\"");
    check("FROM a AS p\nFROM b AS P", "1/FROM[1]", "as_repeated", "true");
    check("FROM a AS p\nFROM b AS q", "q/FROM[1]", "as_repeated", "false");
    check("FROM --platform=linux/arm64 a", "0/FROM[1]", "flags", "{platform: \"linux/arm64\"}");
}

#[test]
fn run_and_its_commands() {
    let run = |line: &str, path: &str, expected: &str| check(&format!("FROM a\n{line}"), "0/RUN[1]", path, expected);
    run("RUN apt-get \\\n  # note\n  update && sudo curl -k x | sh", "text", "\"apt-get update && sudo curl -k x | sh\"");
    run("RUN apt-get \\\n  update", "commands.0", "{name: \"apt-get\", words: [\"apt-get\", \"update\"], sudo: false, assignments: []}");
    run("RUN A=1 sudo curl x | sh", "commands.0.sudo", "true");
    run("RUN A=1 sudo curl x | sh", "commands.0.into", "\"sh\"");
    run("RUN A=1 curl", "commands.0.assignments", "[{key: \"A\", value: \"1\"}]");
    run("RUN [\"apt-get\", \"update\"]", "json", "true");
    run("RUN [\"apt-get\", \"update\"]", "arguments", "[\"apt-get\", \"update\"]");
    run("RUN [\"sh\", \"-c\", \"apt-get update\"]", "commands.1.name", "\"apt-get\"");
    run("RUN ['a']", "json", "false");
    run("RUN ['a']", "commands.0.name", "\"[a]\"");
    run(
        "RUN --mount=type=cache,target=/x --mount=type=bind --network=none apt-get update",
        "flags",
        "{mount: [\"type=cache,target=/x\", \"type=bind\"], network: \"none\"}",
    );
    run("RUN --network=none apt-get update", "text", "\"apt-get update\"");
    run("RUN <<EOF\napt-get update\ncurl -k x\nEOF", "commands.1.words", "[\"curl\", \"-k\", \"x\"]");
    run("RUN <<EOF\napt-get update\nEOF", "text", "\"<<EOF\\napt-get update\\n\"");
    run("RUN <<EOF\n#!/usr/bin/env python\nimport x\nEOF", "commands", "[]");
    run("RUN bash -e <<EOF\na\nEOF", "commands.1.name", "\"a\"");
    run("RUN cat <<'EOF' > /x\na\nEOF", "commands.1", "-");
    run("RUN cat <<'EOF' > /x\na\nEOF", "heredoc", "[{name: \"EOF\", expand: false, text: \"a\\n\"}]");
    run("RUN", "text", "\"\"");
    run("RUN apt-get update && apt-get -y install x", "updates", "[{name: \"apt-get\", used: true}]");
    run("RUN apt-get install x; apt-get update", "updates", "[{name: \"apt-get\", used: false}]");
    run("RUN <<EOF\napk update\napk upgrade\nEOF", "updates", "[{name: \"apk\", used: true}]");
    run("RUN apk --update add x && update-locale update", "updates", "[]");
    check("FROM a\nCMD [\"a\"]\nENTRYPOINT b c", "0/CMD[1]", "json", "true");
    check("FROM a\nCMD [\"a\"]\nENTRYPOINT b c", "0/ENTRYPOINT[1]", "commands.0.name", "\"b\"");
}

#[test]
fn variables() {
    let run =
        |lines: &str, id: &str, path: &str, expected: &str| check(&format!("ARG G=g\nARG N\nFROM a AS s\n{lines}"), id, path, expected);
    run("ARG G\nUSER $G", "s/USER[1]", "user", "\"g\"");
    run("USER $G", "s/USER[1]", "user", "?");
    run("ARG N\nUSER x$N", "s/USER[1]", "user", "x?");
    run("ARG G=h\nUSER $G", "s/USER[1]", "user", "\"h\"");
    run("ENV G=e\nARG G=h\nUSER $G", "s/USER[1]", "user", "\"e\"");
    run("ARG G=h\nENV G=e\nUSER ${G}:${X:-y}", "s/USER[1]", "user", "\"e\"");
    run("ENV A=1 B=$A\nUSER x$B", "s/USER[1]", "user", "x?");
    run("ENV A=1\nENV B=\"$A 2\"\nWORKDIR $B", "s/WORKDIR[1]", "path", "\"1 2\"");
    run("ENV A=1\nARG C\nFROM s\nWORKDIR /$A/$C", "1/WORKDIR[1]", "path", "/1/?");
    run("ENV A=1\nFROM scratch\nWORKDIR /$A", "1/WORKDIR[1]", "path", "\"/\"");
    run("ENV A=1\nRUN echo $A $B '$A'", "s/RUN[1]", "expanded", "\"echo 1 $B '$A'\"");
    run("ARG N\nRUN echo $N", "s/RUN[1]", "expanded", "echo ?");
    run("ARG TARGETARCH\nUSER $TARGETARCH", "s/USER[1]", "user", "?");
    // The place the value came from goes with it.
    let (collected, sources) = collect(&[("Dockerfile", "ARG V=1\nFROM a:$V\n")]);
    let tag = collected.subjects.iter().find(|subject| &*subject.type_name == "FROM").and_then(|from| from.value.get("tag")).unwrap();
    let step = &tag.origin.as_ref().unwrap().steps[0];
    assert_eq!((&*step.name, sources.snippet(step.span).as_deref()), ("ARG V", Some("V=1")));
}

#[test]
fn other_instructions() {
    let check = |line: &str, id: &str, path: &str, expected: &str| check(&format!("FROM a\n{line}"), &format!("0/{id}[1]"), path, expected);
    check(
        "ENV a=1 b=\"x y\" c=\\ d",
        "ENV",
        "pairs",
        "[{key: \"a\", value: \"1\"}, {key: \"b\", value: \"x y\"}, {key: \"c\", value: \" d\"}]",
    );
    check("ENV a  b c", "ENV", "pairs", "[{key: \"a\", value: \"b c\"}]");
    check("LABEL \"a.b\"=\"c\" d=e", "LABEL", "pairs", "[{key: \"a.b\", value: \"c\"}, {key: \"d\", value: \"e\"}]");
    check("ARG a b=c", "ARG", "pairs", "[{key: \"a\"}, {key: \"b\", value: \"c\"}]");
    check("USER app:grp", "USER", "group", "\"grp\"");
    check("USER 0", "USER", "user", "\"0\"");
    check("USER a:b$X", "USER", "group", "b?");
    check(
        "EXPOSE 22 80/udp 7000-8000/TCP $P",
        "EXPOSE",
        "ports",
        "[{port: 22, to: 22, protocol: \"tcp\"}, {port: 80, to: 80, protocol: \"udp\"}, {port: 7000, to: 8000, protocol: \"tcp\"}, {port: ?, to: ?, protocol: ?}]",
    );
    check("ADD --checksum=sha256:x --chown=a:b http://x/y a /z", "ADD", "sources", "[\"http://x/y\", \"a\"]");
    check("ADD --checksum=sha256:x --chown=a:b http://x/y a /z", "ADD", "destination", "\"/z\"");
    check("ADD --checksum=sha256:x --chown=a:b http://x/y a /z", "ADD", "chown", "\"a:b\"");
    check("ADD --link x /", "ADD", "flags", "{link: true}");
    check("COPY [\"a b\", \"/c\"]", "COPY", "sources", "[\"a b\"]");
    check("COPY <<EOF /x\nhi\nEOF", "COPY", "heredoc.0.text", "\"hi\\n\"");
    check("WORKDIR \"/a b\"", "WORKDIR", "path", "\"/a b\"");
    check("VOLUME /a /b", "VOLUME", "paths", "[\"/a\", \"/b\"]");
    check("VOLUME [\"/a\"]", "VOLUME", "paths", "[\"/a\"]");
    check("HEALTHCHECK none", "HEALTHCHECK", "none", "true");
    check("HEALTHCHECK --interval=5s CMD [\"curl\", \"-k\"]", "HEALTHCHECK", "commands.0.words", "[\"curl\", \"-k\"]");
    check("HEALTHCHECK --interval=5s CMD curl x", "HEALTHCHECK", "none", "false");
    check("HEALTHCHECK --interval=5s CMD curl x", "HEALTHCHECK", "flags.interval", "\"5s\"");
    check("ONBUILD RUN apt-get update", "ONBUILD", "trigger.commands.0.name", "\"apt-get\"");
    check("SHELL [\"/bin/bash\", \"-c\"]", "SHELL", "arguments", "[\"/bin/bash\", \"-c\"]");
    check("MAINTAINER me <me@x>", "MAINTAINER", "text", "\"me <me@x>\"");
    check("STOPSIGNAL 9", "STOPSIGNAL", "arguments", "[\"9\"]");
}

#[test]
fn what_the_final_image_has() {
    let base = "FROM a AS b\nUSER app\nHEALTHCHECK CMD x\n";
    check(&format!("{base}FROM b\nRUN y"), "Dockerfile", "final_stage.user", "\"app\"");
    check(&format!("{base}FROM b\nRUN y"), "Dockerfile", "final_stage.has_healthcheck", "true");
    check(&format!("{base}FROM b\nUSER root\nUSER x"), "Dockerfile", "final_stage.users", "[\"app\", \"root\", \"x\"]");
    check(&format!("{base}FROM b\nHEALTHCHECK NONE"), "Dockerfile", "final_stage.has_healthcheck", "false");
    check(&format!("{base}FROM c"), "Dockerfile", "final_stage.user", "-");
    check(&format!("{base}FROM b"), "b/USER[1]", "effective", "true");
    check(&format!("{base}FROM b\nUSER x"), "b/USER[1]", "effective", "false");
    check(&format!("{base}FROM c\nUSER x\nUSER y"), "1/USER[2]", "effective", "true");
    check(&format!("{base}FROM c\nUSER x\nUSER y"), "Dockerfile", "final_stage.instructions.1.effective", "false");
    check(&format!("{base}FROM c"), "Dockerfile", "final_stage.has_healthcheck", "false");
    check("# syntax=docker/dockerfile:1\nFROM a", "Dockerfile", "directives.syntax", "\"docker/dockerfile:1\"");
}

#[test]
fn suppressions_reach_what_they_stand_for() {
    check_file(
        "Dockerfile",
        "# checkov:skip=CKV_DOCKER_2:why\n# trivy:ignore:DS002\nFROM a\nRUN b \\\n # probity:allow x\n c\n# kics-scan ignore-line\nRUN d\n# trivy:ignore:X[a=b]\nRUN e\n# tfsec:ignore:Z\n",
        &[
            "0/FROM[1] 3-3 FROM",
            "0/RUN[1] 4-6 RUN",
            "0/RUN[2] 8-8 RUN",
            "0/RUN[3] 10-10 RUN",
            "Dockerfile 1-11 FROM",
            "allow checkov CKV_DOCKER_2 file 1-11",
            "allow trivy DS002 lines 3-3",
            "allow probity x lines 4-6",
            "allow kics * lines 8-8",
            "allow tfsec Z lines 11-11",
            "Warning suppression-condition 9-9: the comment is meant only where `a=b`, which does not apply to Dockerfiles, so it does not count",
            "read 5",
        ],
    );
}

#[test]
fn broken_files_are_said_and_the_rest_is_read() {
    check_file(
        "Dockerfile",
        "FROM a\nFOO b\nRUN c\nBAR\n",
        &[
            "0/FROM[1] 1-1 FROM",
            "0/RUN[1] 3-3 RUN",
            "Dockerfile 1-4 FROM",
            "Error dockerfile-instruction 2-2: `FOO` is not an instruction",
            "Error dockerfile-instruction 4-4: `BAR` is not an instruction",
            "skipped: `FOO` is not an instruction, and 1 more fails partly",
            "read 3",
        ],
    );
    check_file("Dockerfile", "", &["Warning dockerfile-empty 1-1: the file has no instruction", "read 0"]);
    check_file("Dockerfile.part", "RUN a", &["RUN[1] 1-1 RUN", "Warning dockerfile-no-from 1-1: `RUN` stands before any `FROM`", "read 1"]);
    check_file(
        "Dockerfile",
        "FROM\n",
        &[
            "0/FROM[1] 1-1 FROM",
            "Dockerfile 1-1 FROM",
            "Error dockerfile-from 1-1: `FROM` names no image",
            "skipped: `FROM` names no image fails partly",
            "read 2",
        ],
    );
    check_file(
        "Dockerfile",
        "hello world\n",
        &["Error dockerfile-instruction 1-1: `hello` is not an instruction", "skipped: `hello` is not an instruction fails"],
    );
    check_file("Dockerfile", "a\0b", &["Error dockerfile-unreadable nowhere: not UTF-8 text", "skipped: not UTF-8 text fails"]);
    let large = "#".repeat((1 << 20) + 1);
    let why = "the file has 1048577 bytes, more than the budget of 1048576";
    check_file("Dockerfile", &large, &[&format!("Error dockerfile-unreadable nowhere: {why}"), &format!("skipped: {why} fails")]);
}

#[test]
fn hostile_files_come_to_an_end() {
    let bomb: String =
        std::iter::once("FROM a\nENV A=xxxxxxxxxx\n".to_owned()).chain((0..200).map(|_| "ENV A=$A$A\n".to_owned())).collect();
    let many = "FROM a\n".repeat(20_000);
    let nested = format!("FROM a\nENV A={}\n", "${A:-".repeat(20_000));
    let onbuild = format!("FROM a\n{}RUN x\n", "ONBUILD ".repeat(2000));
    for text in [bomb, many, nested, onbuild] {
        let (collected, _) = collect(&[("Dockerfile", &text)]);
        assert!(collected.subjects.len() <= 10_001);
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(text in "(FROM|RUN|COPY|ENV|ARG|USER|ONBUILD|EXPOSE|HEALTHCHECK|#)?[ a-zA-Z$(){}\\[\\]'\"`\\\\=:<|&/\n\r\t\u{e9}\u{2028}@,.-]{0,80}") {
        let text = format!("FROM a\n{text}\nRUN b\n");
        let (collected, sources) = collect(&[("Dockerfile", &text)]);
        for subject in &collected.subjects {
            proptest::prop_assert!(sources.snippet(subject.span).is_some(), "{:?} {:?}", subject.id, subject.span);
            proptest::prop_assert!(sources.snippet(subject.head).is_some());
        }
    }
}
