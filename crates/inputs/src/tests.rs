use super::*;

/// Reads a text and compares it with what Conftest makes of it, as JSON.
fn check(kind: Kind, text: &str, expected: &str) {
    let found = document(kind, text, FileId(0)).unwrap_or_else(|problems| panic!("{kind} {text:?}: {problems:?}"));
    let (expected, problems) = probity_value::json::parse(expected, FileId(1));
    assert!(problems.is_empty(), "{problems:?}");
    let show = |value: &Value| probity_value::json::write(value).unwrap_or_default();
    assert!(found == expected, "{kind} {text:?}\n got {}\nwant {}", show(&found), show(&expected));
}

/// What is wrong with a text: line, column and message of the first problem.
fn refused(kind: Kind, text: &str, expected: &str) {
    let problems = document(kind, text, FileId(0)).expect_err(text);
    let map = probity_value::SourceMap::new();
    map.add("x", text);
    let problem = problems.first().expect("a problem");
    let (_, at, _) = map.locate(problem.span).expect("a place");
    assert_eq!(format!("{}:{} {}", at.line, at.column, problem.message), expected, "{kind} {text:?}");
}

/// Where the value under a path stands: its text.
fn stands(kind: Kind, text: &str, path: &[&str], expected: &str) {
    let value = document(kind, text, FileId(0)).unwrap_or_else(|problems| panic!("{problems:?}"));
    let mut at = &value;
    for step in path {
        at = match &at.data {
            Data::List(items) => &items[step.parse::<usize>().expect("an index")],
            _ => at.get(step).unwrap_or_else(|| panic!("{step}")),
        };
    }
    assert_eq!(text.get(at.span.start as usize..at.span.end as usize), Some(expected));
}

#[test]
fn names_of_files() {
    let check = |path: &str, expected: Option<Kind>| assert_eq!(detect(path), expected, "{path}");
    check("-", Some(Kind::Yaml));
    check("a/b.YML", Some(Kind::Yaml));
    check("Dockerfile", Some(Kind::Dockerfile));
    check("x/Dockerfile.dev", Some(Kind::Dockerfile));
    check("dev.dockerfile", Some(Kind::Dockerfile));
    check("main.tf", Some(Kind::Hcl2));
    check("x.tfvars", Some(Kind::Hcl2));
    check("x.hcl1", Some(Kind::Hcl1));
    check(".gitignore", Some(Kind::Ignore));
    check("a/.dockerignore", Some(Kind::Ignore));
    check(".env", Some(Kind::Dotenv));
    check(".env.prod", Some(Kind::Dotenv));
    check("prod.env", Some(Kind::Dotenv));
    check("nginx.conf", Some(Kind::Nginx));
    check("other.conf", None);
    check("x.textpb", Some(Kind::Textproto));
    check("x.jsonc", Some(Kind::JsonComments));
    check("README", None);
    check("sbom.cyclonedx", Some(Kind::CycloneDx));
}

#[test]
fn left_out_with_a_word() {
    refused(Kind::Cue, "a: 1", "1:1 CUE has to be evaluated first: give the output of `cue export`");
    refused(Kind::Jsonnet, "{}", "1:1 Jsonnet has to be evaluated first: give the output of `jsonnet`");
}

#[test]
fn ini() {
    check(
        Kind::Ini,
        "x=1\n[s]\na=1_000\nb=0x1p4\nc=inf2\nd=TRUE\ne=t\nf=0x10\nh= x ; c\ni=\"a;b\"\nj=1.50\nn=0b1\n- = p\n- = q\n[s2]\n[s]\nz = 'q'\n",
        r##"{"s":{"a":1000,"b":16,"c":"inf2","d":true,"e":true,"f":"0x10","h":"x","i":"\"a","j":1.5,"n":"0b1","#1":"p","#2":"q","z":"q"},"s2":{}}"##,
    );
    check(Kind::Ini, "[s]\na = \"\"\"x\ny\"\"\"\nb = one \\\n  two\n", r#"{"s":{"a":"x\ny","b":"one two"}}"#);
    refused(Kind::Ini, "[s]\nnothing\n", "2:1 expected `key = value`");
    refused(Kind::Ini, "[s\n", "1:1 the section is not closed by `]`");
    refused(Kind::Ini, "[s]\na=nan\n", "2:3 the number is too large, or none");
    stands(Kind::Ini, "[s]\nkey =  value # c\n", &["s", "key"], "value");
}

#[test]
fn dotenv() {
    check(
        Kind::Dotenv,
        "# c\nexport A=1\nB = \"x\\ny ${A}\"\nC: 'raw $A'\nD=plain # c\nE=$A-$MISSING\nF=\"two\nlines\"\nG=\n",
        r#"{"A":"1","B":"x\ny 1","C":"raw $A","D":"plain","E":"1-","F":"two\nlines","G":""}"#,
    );
    refused(Kind::Dotenv, "A=1\nnonsense\n", "2:1 expected `NAME=value`");
    stands(Kind::Dotenv, "A=1\nB=two # c\n", &["B"], "two");
}

#[test]
fn properties() {
    check(
        Kind::Properties,
        "# c\na = b\nc:d\ne f\ng=\\u0041\\tx\nlong = one \\\n   two\nempty\nref = ${a}\n",
        r#"{"a":"b","c":"d","e":"f","g":"A\tx","long":"one two","empty":"","ref":"${a}"}"#,
    );
    refused(Kind::Properties, "a=${b}\nb=${a}\n", "1:3 `${a}` leads back to itself");
    refused(Kind::Properties, "a=${b\n", "1:3 `${` is not closed by `}`");
    stands(Kind::Properties, "a = b c\n", &["a"], "b c");
}

#[test]
fn toml() {
    check(
        Kind::Toml,
        "a=1979-05-27T07:32:00Z\nb=1979-05-27\nc=07:32:00\nd=1979-05-27T00:32:00.9990-07:00\ne=1979-05-27 07:32:00\nf=1.0\ng.h.i=[1,\n 2, # c\n]\n",
        r#"{"a":"1979-05-27T07:32:00Z","b":"1979-05-27T00:00:00Z","c":"0000-01-01T07:32:00Z","d":"1979-05-27T00:32:00.999-07:00","e":"1979-05-27T07:32:00Z","f":1,"g":{"h":{"i":[1,2]}}}"#,
    );
    check(
        Kind::Toml,
        "[a]\nx = 0xff\n[a.b]\ny = '''\nl'1'''\n[[c]]\nn = 1\n[c.d]\nz = \"\"\"a\\\n   b\"\"\"\n[[c]]\ni = { p = 1, q.r = true }\n",
        r#"{"a":{"x":255,"b":{"y":"l'1"}},"c":[{"n":1,"d":{"z":"ab"}},{"i":{"p":1,"q":{"r":true}}}]}"#,
    );
    refused(Kind::Toml, "a = 1\na = 2\n", "2:1 `a` is there more than once");
    refused(Kind::Toml, "[a]\n[a]\n", "2:2 `a` is there more than once");
    refused(Kind::Toml, "a = 01\n", "1:5 `01` is no value");
    refused(Kind::Toml, "a = {b = 1}\na.c = 2\n", "2:1 `a` is no table");
    refused(Kind::Toml, "[a]\nb.c = 1\n[a.b]\n", "3:4 `b` is there more than once");
    refused(Kind::Toml, "x = \"a\n", "1:5 the text that begins here has no end");
    stands(Kind::Toml, "[s]\nkey = \"v\" # c\n", &["s", "key"], "\"v\"");
}

#[test]
fn xml() {
    check(
        Kind::Xml,
        "<?xml version=\"1.0\"?><!-- c --><r a=\"1\" x:b='&lt;'><i>one</i><i k=\"v\">two</i><e/><d><![CDATA[<z>]]></d></r>",
        r##"{"r":{"-a":"1","-b":"<","i":["one",{"#content":"two","-k":"v"}],"e":"","d":"<z>"}}"##,
    );
    check(Kind::Xml, "<a>text<b/>\n</a>", r#"{"a":{"b":""}}"#);
    refused(Kind::Xml, "<a><b></a>", "1:7 `</a>` closes nothing that is open");
    refused(Kind::Xml, "<a>", "1:1 `<a>` is not closed");
    refused(Kind::Xml, "<a>&nope;</a>", "1:4 `&` is followed by no entity that is known");
    stands(Kind::Xml, "<a><b c=\"d\">e</b></a>", &["a", "b", "-c"], "d");
}

#[test]
fn edn() {
    check(
        Kind::Edn,
        r#"{:a 1 "b" [1 2.50 1e30 nil true \a \newline] :c #{:x 1} :d (foo bar/baz) 3 {:z #inst "2020-01-01T00:00:00Z"} :e #foo 3 :g 1.5M #_ skipped}"#,
        r##"{"3":{":z":"2020-01-01 00:00:00 +0000 UTC"},":a":"1",":c":"map[1:true :x:true]",":d":["foo","bar/baz"],":e":"#foo 3",":g":"1.5","b":["1","2.5","1e+30","<nil>","true","97","10"]}"##,
    );
    refused(Kind::Edn, "{:a}", "1:1 the map has a key without a value");
    refused(Kind::Edn, "[1", "1:1 the bracket that opens here is not closed");
}

#[test]
fn yaml() {
    check(
        Kind::Yaml,
        "on: x\n0644: y\n1.0: z\n1e3: k\n.5: l\n0x1F: m\n1_0: p\n\"off\": q\n",
        r#"{"0.5":"l","1":"z","10":"p","1000":"k","31":"m","420":true,"true":"x","off":"q"}"#,
    );
    check(Kind::Yaml, "# c\n---\na: 1\n---\n\n", r#"[null,{"a":1},null]"#);
    check(Kind::Yaml, "", "null");
    check(Kind::Yaml, "---\na: 1\n", r#"{"a":1}"#);
    check(Kind::Yaml, "%YAML 1.1\n---\na: 1\n---\nb: 2\n", r#"[{"a":1},{"b":2}]"#);
    check(Kind::Yaml, "a: 1\r\n---\r\nb: 2\r\n", r#"[{"a":1},{"b":2}]"#);
    // Conftest does not see the second document at all.
    check(Kind::Yaml, "a: 1\n--- # c\nb: 2\n", r#"[{"a":1},{"b":2}]"#);
    refused(Kind::Yaml, "~: n\n", "1:1 null is no key");
    refused(Kind::Yaml, "on: x\n\"on\": q\n", "2:1 the key `on` is there more than once; the last one counts");
}

#[test]
fn json() {
    check(Kind::JsonComments, "{ // c\n \"a\": 1, # d\n /* e */ \"b\": \"/* no */ # \\\" \" }", r##"{"a":1,"b":"/* no */ # \" "}"##);
    refused(Kind::Json, "{\"a\": 1,}", "1:9 expected a key in quotes, found `}`");
    stands(Kind::JsonComments, "/* é */ {\"a\": 12}", &["a"], "12");
}

#[test]
fn ignore() {
    check(
        Kind::Ignore,
        "# c\n!x\n\na\\ \n",
        r##"[[{"Kind":"Comment","Value":"c","Original":"# c"},{"Kind":"NegatedPath","Value":"x","Original":"!x"},{"Kind":"Empty","Value":"","Original":""},{"Kind":"Path","Value":"a ","Original":"a\\ "},{"Kind":"Empty","Value":"","Original":""}]]"##,
    );
}

#[test]
fn dockerfile() {
    check(
        Kind::Dockerfile,
        "# syntax=docker/dockerfile:1\n# c\nFROM alpine AS a\nRUN --mount=type=cache x \\\n  # inner\n  y\nCMD [\"a\", \"b\"]\nENV A=1 B=\"2 3\"\nONBUILD RUN z\nFROM a\n",
        r#"[[{"Cmd":"comment","SubCmd":"","JSON":false,"Flags":null,"Value":["c"],"Stage":0},
            {"Cmd":"from","SubCmd":"","JSON":false,"Flags":[],"Value":["alpine","AS","a"],"Stage":0},
            {"Cmd":"run","SubCmd":"","JSON":false,"Flags":["--mount=type=cache"],"Value":["x   y"],"Stage":0},
            {"Cmd":"cmd","SubCmd":"","JSON":true,"Flags":[],"Value":["a","b"],"Stage":0},
            {"Cmd":"env","SubCmd":"","JSON":false,"Flags":[],"Value":["A","1","=","B","\"2 3\"","="],"Stage":0},
            {"Cmd":"onbuild","SubCmd":"RUN","JSON":false,"Flags":[],"Value":["z"],"Stage":0},
            {"Cmd":"from","SubCmd":"","JSON":false,"Flags":[],"Value":["a"],"Stage":1}]]"#,
    );
    check(
        Kind::Dockerfile,
        "FROM a\nCOPY <<EOF <<-\"X\" /b\none\nEOF\n\ttwo\n\tX\nRUN c",
        r#"[[{"Cmd":"from","SubCmd":"","JSON":false,"Flags":[],"Value":["a"],"Stage":0},
            {"Cmd":"copy","SubCmd":"","JSON":false,"Flags":[],"Value":["<<EOF","<<-\"X\"","/b"],"Stage":0},
            {"Cmd":"run","SubCmd":"","JSON":false,"Flags":[],"Value":["c"],"Stage":0}]]"#,
    );
    refused(Kind::Dockerfile, "FROM a\nNOPE b\n", "2:1 `NOPE` is no instruction");
    refused(Kind::Dockerfile, "FROM a\nRUN <<EOF\nx\n", "2:1 the heredoc `EOF` has no end");
    stands(Kind::Dockerfile, "FROM a\nCOPY x \\\n  /y\n", &["0", "1", "Value", "1"], "/y");
    stands(Kind::Dockerfile, "FROM a\nCMD [\"x\", \"yy\"]\n", &["0", "1", "Value", "1"], "\"yy\"");
}

#[test]
fn nginx() {
    check(
        Kind::Nginx,
        "http {\n server { listen 80; location / { return 200 'ok;'; } }\n gzip on; # c\n}\nuser ${u}x;\n",
        r#"{"directives":[{"name":"http","block":{"directives":[{"name":"gzip","parameters":["on"]},
            {"name":"server","block":{"directives":[{"name":"listen","parameters":["80"]},
             {"name":"location","parameters":["/"],"block":{"directives":[{"name":"return","parameters":["200","'ok;'"]}]}}]}}]}},
            {"name":"user","parameters":["${u}x"]}]}"#,
    );
    refused(Kind::Nginx, "http {", "1:6 the block that opens here is not closed");
}

#[test]
fn hcl1() {
    check(
        Kind::Hcl1,
        "a = 1\nb \"c\" \"d\" {\n x = \"${var.y}\"\n}\nb \"c\" \"e\" { z = [1, {q = true}] }\nf { g = 0x10 }\nh = <<-EOT\n    l\n  m\n  EOT\n",
        r#"{"a":1,"b":[{"c":[{"d":[{"x":"${var.y}"}]}]},{"c":[{"e":[{"z":[1,{"q":true}]}]}]}],"f":[{"g":16}],"h":"  l\nm\n"}"#,
    );
    refused(Kind::Hcl1, "a {\n", "1:3 the brace that opens here is not closed");
}

#[test]
fn hcl2() {
    check(
        Kind::Hcl2,
        "a = b.c[*].d\nb = f(x)\nc = (1+2)\nd = -5\ne = !true\nf = \"x${y}z\"\ng = \"${y}\"\nh = \"$${y} %%{z}\"\ni = {a=1, (b)=\"c\", \"d\" = [1,x], e.f = 3}\nk = 1.50\nl = <<EOT\n  a ${b}\nEOT\nm = <<-EOT\n   a\n  b\nEOT\nn = a.*.b\np = x ? y : z\nq = [for a in b : a]\nr = \"%{ if x }a%{ else }b%{ endif }\"\ns = \"%{ for a in b }${a}%{ endfor }\"\nu = null\nresource \"a\" \"b\" {\n x = 1\n}\nresource \"a\" \"c\" {}\nlocals { z = 1 }\nlocals { y = 2 }\n",
        r#"{"a":"${b.c[*].d}","b":"${f(x)}","c":"${(1+2)}","d":-5,"e":false,"f":"x${y}z","g":"${y}","h":"$${y} %%{z}","i":{"${(b)}":"c","a":1,"d":[1,"${x}"],"e.f":3},"k":1.5,"l":"  a ${b}\n","locals":[{"z":1},{"y":2}],"m":" a\nb\n","n":"${a.*.b}","p":"${x ? y : z}","q":"${[for a in b : a]}","r":"%{if x}a%{else}b%{endif}","resource":{"a":{"b":[{"x":1}],"c":[{}]}},"s":"%{for a in b}${a}%{endfor}","u":null}"#,
    );
    refused(Kind::Hcl2, "a = 1\na = 2\n", "2:1 `a` is there more than once");
    refused(Kind::Hcl2, "a = \n", "1:5 expected a value, found `\\n`");
    refused(Kind::Hcl2, "a \"b\" {\n", "1:7 the block that opens here is not closed");
    stands(Kind::Hcl2, "a \"b\" {\n  c = [1, x]\n}\n", &["a", "b", "0", "c", "1"], "x");
}

#[test]
fn combined() {
    let one = document(Kind::Yaml, "a: 1\n---\nb: 2\n", FileId(0)).expect("fine");
    let two = document(Kind::Json, "{\"c\": 3}", FileId(1)).expect("fine");
    let all = combine(vec![("z.json".into(), two), ("a.yaml".into(), one)]);
    let (expected, _) = probity_value::json::parse(
        r#"[{"path":"a.yaml","contents":{"a":1}},{"path":"a.yaml","contents":{"b":2}},{"path":"z.json","contents":{"c":3}}]"#,
        FileId(2),
    );
    assert_eq!(all, expected);
}

#[test]
fn nothing_is_nested_without_end() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    for (kind, text) in [
        (Kind::Json, deep("[", "]")),
        (Kind::Toml, format!("a={}", deep("[", "]"))),
        (Kind::Toml, format!("{}x=1", "a.".repeat(100_000))),
        (Kind::Toml, format!("[{}x]", "a.".repeat(100_000))),
        (Kind::Hcl1, format!("a={}", deep("[", "]"))),
        (Kind::Hcl1, format!("{}{{}}", "a ".repeat(100_000))),
        (Kind::Hcl2, format!("a={}", deep("(", ")"))),
        (Kind::Hcl2, format!("a={}1", "!".repeat(100_000))),
        (Kind::Hcl2, format!("a={}1", "b?c:".repeat(100_000))),
        (Kind::Hcl2, format!("a={}", "\"${".repeat(100_000))),
        (Kind::Hcl2, format!("{}{{}}", "a ".repeat(100_000))),
        (Kind::Edn, deep("[", "]")),
        (Kind::Edn, "#_".repeat(100_000)),
        (Kind::Xml, deep("<a>", "</a>")),
        (Kind::Nginx, deep("a{", "}")),
        (Kind::Yaml, deep("[", "]")),
    ] {
        let found = document(kind, &text, FileId(0));
        assert!(found.is_err(), "{kind} {}", text.get(..20).unwrap_or_default());
    }
}
