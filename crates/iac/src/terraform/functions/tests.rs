//! One line per case: function, arguments as JSON, result as JSON. In arguments `{"?": "arn:"}` is an unknown text with that known
//! beginning that is sure to be set, `{"?": null}` a variable without value. A result is JSON text, `error`, or `unknown "beginning"`.

use std::sync::Arc;

use probity_core::TreeError;
use probity_value::{Data, FileId, Map, Origin, OriginStep, Reference, Span, StepKind, Unknown, UnknownKind, Value, json};

use super::*;

struct Fake;

impl Files for Fake {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        match path {
            "envs/prod/hello.txt" => Ok(Arc::from(&b"hello!"[..])),
            "modules/db/policy.json" => Ok(Arc::from(&b"{}"[..])),
            "envs/prod/hello.tmpl" => Ok(Arc::from(&b"Hello, ${name}!"[..])),
            "envs/prod/binary" => Ok(Arc::from(&[0xff, 0xfe][..])),
            "envs/prod/large" => Err(TreeError::TooLarge { size: 9, budget: 8 }),
            "envs/prod/link" => Err(TreeError::Outside),
            _ => Err(TreeError::Missing),
        }
    }

    fn list(&self, folder: &str) -> Vec<Arc<str>> {
        let all = [
            "envs/prod/.hidden.tf",
            "envs/prod/a.tf",
            "envs/prod/hello.txt",
            "envs/prod/sub/b.tf",
            "envs/prod/sub/deep/c.tf",
            "modules/db/policy.json",
        ];
        all.iter().filter(|path| folder.is_empty() || path.starts_with(&format!("{folder}/"))).map(|path| Arc::from(*path)).collect()
    }
}

fn render(text: &str, variables: &Map, span: Span) -> Result<Value, FunctionError> {
    let mut out = text.to_owned();
    for (name, entry) in variables.iter() {
        out = out.replace(&format!("${{{name}}}"), entry.value.as_str().unwrap_or_default());
    }
    Ok(Value::string(out, span))
}

fn span(at: usize) -> Span {
    Span::new(FileId(7), at..at + 1)
}

fn with_unknowns(value: &Value) -> Value {
    let data = match &value.data {
        Data::List(items) => Data::List(Arc::new(items.iter().map(with_unknowns).collect())),
        Data::Map(map) => {
            if let Some(prefix) = map.get("?") {
                let mut made = Value::unknown(UnknownKind::Variable, "variable `v` has no value", value.span);
                if let (Data::Unknown(unknown), Some(prefix)) = (&mut made.data, prefix.as_str()) {
                    let (kind, reason) = (UnknownKind::Reference, Arc::from("`a.b` is known only after it is made"));
                    *unknown = Arc::new(Unknown { kind, reason, set: true, prefix: prefix.into(), suffix: "".into(), decoded: None });
                }
                return made;
            }
            let mut copy = Map::new();
            for (key, entry) in map.iter() {
                copy.insert(Arc::clone(key), entry.key, with_unknowns(&entry.value));
            }
            Data::Map(Arc::new(copy))
        }
        other => other.clone(),
    };
    Value { data, ..value.clone() }
}

fn run(name: &str, args: &[Value], steps: u64) -> Result<Value, FunctionError> {
    let steps = Steps::new(steps);
    let cx = CallContext { files: &Fake, module_dir: "modules/db", root_dir: "envs/prod", span: span(99), steps: &steps, render: &render };
    call(name, args, &cx)
}

fn args(text: &str) -> Vec<Value> {
    let (value, problems) = json::parse(text, FileId(7));
    assert!(problems.is_empty(), "{text}: {problems:?}");
    with_unknowns(&value).as_list().expect("a list of arguments").to_vec()
}

fn show(result: &Result<Value, FunctionError>) -> String {
    fn write(value: &Value) -> String {
        match &value.data {
            Data::Unknown(unknown) => format!("unknown {:?}", &*unknown.prefix),
            Data::List(items) => format!("[{}]", items.iter().map(write).collect::<Vec<_>>().join(",")),
            Data::Map(map) => {
                let mut sorted = Map::clone(map);
                sorted.sort_keys();
                let entries: Vec<String> = sorted.iter().map(|(key, entry)| format!("{key:?}:{}", write(&entry.value))).collect();
                format!("{{{}}}", entries.join(","))
            }
            _ => json::write(value).expect("known"),
        }
    }
    match result {
        Ok(value) => write(value),
        Err(_) => "error".to_owned(),
    }
}

fn check(name: &str, given: &str, expected: &str) {
    assert!(is_known_function(name), "{name}");
    let result = run(name, &args(given), 1_000_000);
    assert_eq!(show(&result), expected, "{name}{given} gave {result:?}");
}

#[test]
fn numbers() {
    check("abs", "[-1]", "1");
    check("abs", "[\"-1.5\"]", "1.5");
    check("ceil", "[1.2]", "2");
    check("ceil", "[-1.2]", "-1");
    check("floor", "[-1.8]", "-2");
    check("floor", "[7]", "7");
    check("log", "[16, 2]", "4");
    check("log", "[1, 10]", "0");
    check("log", "[-1, 10]", "error");
    check("log", "[0, 10]", "error");
    check("max", "[12, 54, 3]", "54");
    check("min", "[12, \"3\", 54]", "3");
    check("max", "[]", "error");
    check("pow", "[3, 2]", "9");
    check("pow", "[4, 0]", "1");
    check("pow", "[2, -1]", "0.5");
    check("pow", "[10, 400]", "error");
    check("signum", "[-13]", "-1");
    check("signum", "[0]", "0");
    check("signum", "[0.5]", "1");
    check("sum", "[[10, 13, 6, 4.5]]", "33.5");
    check("sum", "[[\"1\", 2]]", "3");
    check("sum", "[[1.1, 2.2]]", "3.3");
    check("sum", "[[]]", "error");
    check("sum", "[[9223372036854775807, 1]]", "9.223372036854776e18");
    check("parseint", "[\"100\", 10]", "100");
    check("parseint", "[\"FF\", 16]", "255");
    check("parseint", "[\"-10\", 16]", "-16");
    check("parseint", "[\"1011111011101111\", 2]", "48879");
    check("parseint", "[\"aA\", 62]", "656");
    check("parseint", "[\"12\", 2]", "error");
    check("parseint", "[\"1\", 1]", "error");
    check("parseint", "[\"\", 10]", "error");
    check("range", "[3]", "[0,1,2]");
    check("range", "[1, 8, 2]", "[1,3,5,7]");
    check("range", "[1, 0]", "[1]");
    check("range", "[-3]", "[0,-1,-2]");
    check("range", "[4, 1, -1]", "[4,3,2]");
    check("range", "[10, 5, 2]", "error");
    check("range", "[0]", "[]");
    check("range", "[1, 2, 0]", "error");
    check("range", "[1000000000]", "error");
    check("range", "[1, 2, 0.25]", "[1,1.25,1.5,1.75]");
    check("abs", "[{\"?\": null}]", "unknown \"\"");
    check("abs", "[null]", "error");
    check("abs", "[\"x\"]", "error");
    check("abs", "[\"inf\"]", "error");
}

#[test]
fn truths() {
    check("alltrue", "[[\"true\", true]]", "true");
    check("alltrue", "[[true, false]]", "false");
    check("alltrue", "[[]]", "true");
    check("alltrue", "[[{\"?\": null}, false]]", "false");
    check("alltrue", "[[{\"?\": null}, true]]", "unknown \"\"");
    check("alltrue", "[[null]]", "false");
    check("anytrue", "[[]]", "false");
    check("anytrue", "[[{\"?\": null}, true]]", "true");
    check("anytrue", "[[{\"?\": null}, false]]", "unknown \"\"");
    check("anytrue", "[[null]]", "false");
    check("anytrue", "[[\"x\"]]", "error");
}

#[test]
fn texts() {
    check("chomp", r#"["hello\r\n\n"]"#, r#""hello""#);
    check("endswith", r#"["hello world", "world"]"#, "true");
    check("endswith", r#"["hello", ""]"#, "true");
    check("startswith", r#"["hello world", "world"]"#, "false");
    check("startswith", r#"[{"?": "arn:aws:s3"}, "arn:"]"#, "true");
    check("startswith", r#"[{"?": "arn:"}, "http"]"#, "false");
    check("startswith", r#"[{"?": "arn:"}, "arn:aws"]"#, "unknown \"\"");
    check("strcontains", r#"["hello", "llo"]"#, "true");
    check("indent", r#"[2, "a\nb\nc"]"#, r#""a\n  b\n  c""#);
    check("indent", r#"[1000000000000, "a\nb"]"#, "unknown \"\"");
    check("indent", r#"[1000000000000, "a"]"#, r#""a""#);
    check("indent", r#"[-1, "a\nb"]"#, "error");
    check("join", r#"["-", ["foo", "bar", 1]]"#, r#""foo-bar-1""#);
    check("join", r#"[",", ["a"], ["b", true]]"#, r#""a,b,true""#);
    check("join", r#"[",", []]"#, r#""""#);
    check("join", r#"[",", ["a", null]]"#, "error");
    check("join", r#"["/", ["a", {"?": "b"}, "c"]]"#, "unknown \"a/b\"");
    check("join", r#"["/", ["a"], {"?": null}]"#, "unknown \"a\"");
    check("lower", r#"["HELLO İ"]"#, r#""hello i""#);
    check("lower", r#"[{"?": "ARN:"}]"#, "unknown \"arn:\"");
    check("upper", r#"["straße"]"#, r#""STRAßE""#);
    check("upper", r#"[1]"#, r#""1""#);
    check("upper", r#"[["a"]]"#, "error");
    check("title", r#"["hello world-wide it's o_k é2e"]"#, r#""Hello World-Wide It'S O_k É2e""#);
    check("strrev", r#"["héllo"]"#, r#""olléh""#);
    check("substr", r#"["hello world", 1, 4]"#, r#""ello""#);
    check("substr", r#"["hello world", -5, -1]"#, r#""world""#);
    check("substr", r#"["hello", -99, 2]"#, r#""he""#);
    check("substr", r#"["hello", 9, 2]"#, r#""""#);
    check("substr", r#"["hello", 1, 0]"#, r#""""#);
    check("split", r#"[",", "foo,bar,"]"#, r#"["foo","bar",""]"#);
    check("split", r#"[",", ""]"#, r#"[""]"#);
    check("split", r#"["", "aé"]"#, r#"["a","é"]"#);
    check("split", r#"[",", {"?": null}]"#, "unknown \"\"");
    check("trim", r#"["?!hello?!", "!?"]"#, r#""hello""#);
    check("trimprefix", r#"["helloworld", "hello"]"#, r#""world""#);
    check("trimprefix", r#"[{"?": "s3://bucket"}, "s3://"]"#, "unknown \"bucket\"");
    check("trimprefix", r#"[{"?": "s"}, "s3://"]"#, "unknown \"\"");
    check("trimsuffix", r#"["helloworld", "x"]"#, r#""helloworld""#);
    check("trimspace", r#"["  \n\thello \u00a0 "]"#, r#""hello""#);
    check("replace", r#"["1 + 2 + 3", "+", "-"]"#, r#""1 - 2 - 3""#);
    check("replace", r#"["hello world", "/w.*d/", "everybody"]"#, r#""hello everybody""#);
    check("replace", r#"["a-b", "/(\\w)-(\\w)/", "$2-${1}x"]"#, r#""b-ax""#);
    check("replace", r#"["ab", "", "."]"#, r#"".a.b.""#);
    check("replace", r#"["a/b", "/", "-"]"#, r#""a-b""#);
    check("replace", r#"[{"?": "arn:aws:x"}, ":", "/"]"#, "unknown \"arn/aws/x\"");
    check("replace", r#"[{"?": "xab"}, "abc", "/"]"#, "unknown \"x\"");
    check("replace", r#"[{"?": "xab"}, "/b/", "/"]"#, "unknown \"\"");
    check("replace", r#"["a", "/(/", ""]"#, "error");
    check("regex", r#"["[a-z]+", "53453453.345345aaabbbccc23454"]"#, r#""aaabbbccc""#);
    check("regex", r#"["(\\d\\d\\d\\d)-(\\d\\d)-(\\d\\d)", "2019-02-01"]"#, r#"["2019","02","01"]"#);
    check(
        "regex",
        r#"["^(?:(?P<scheme>[^:/?#]+):)?(?://(?P<authority>[^/?#]*))?", "https://terraform.io/docs"]"#,
        r#"{"authority":"terraform.io","scheme":"https"}"#,
    );
    check("regex", r#"["(a)|(b)", "b"]"#, r#"[null,"b"]"#);
    check("regex", r#"["(a)(?P<x>b)", "ab"]"#, "error");
    check("regex", r#"["x", "b"]"#, "error");
    check("regexall", r#"["[a-z]+", "1234abcd5678efgh9"]"#, r#"["abcd","efgh"]"#);
    check("regexall", r#"["[a-z]+", "123"]"#, "[]");
    check("regexall", r#"["(a)(b)", "abab"]"#, r#"[["a","b"],["a","b"]]"#);
    // Texts are composed: e and the acute accent become one character.
    check("upper", "[\"e\u{301}\"]", "\"É\"");
}

#[test]
fn formats() {
    check("format", r#"["Hello, %s!", "Ander"]"#, r#""Hello, Ander!""#);
    check("format", r#"["There are %d lights", 4]"#, r#""There are 4 lights""#);
    check("format", r#"["%05d|%5d|%-5d|%+d|% d", 42, 42, 42, 42, 42]"#, r#""00042|   42|42   |+42| 42""#);
    check("format", r#"["%.2f|%8.3f|%f|%08.2f", 3.14159, 2.5, 1, -1.5]"#, r#""3.14|   2.500|1.000000|-0001.50""#);
    check("format", r#"["%x %X %#x %o %b", 255, 255, 255, 8, 5]"#, r#""ff FF 0xff 10 101""#);
    check("format", r#"["%e %E %g %G", 1234.5, 0.00012, 0.00001, 123456]"#, r#""1.234500e+03 1.200000E-04 1e-05 123456""#);
    check("format", r#"["%.3g %.3g %.1g", 1234.5, 12, 0]"#, r#""1.23e+03 12 0""#);
    check("format", r#"["%v %v %v %v", 1, "a", true, null]"#, r#""1 a true null""#);
    check("format", r#"["%v %v", 1000000, 1.5]"#, r#""1e+06 1.5""#);
    check("format", r#"["%#v %v", "a<", {"b": [1, null]}]"#, r#""\"a\\u003c\" {\"b\":[1,null]}""#);
    check("format", r#"["%q|%5s|%-5s|%.2s|%05s", "a\"b", "ab", "ab", "abc", "ab"]"#, r#""\"a\\\"b\"|   ab|ab   |ab|000ab""#);
    check("format", r#"["%t %t", "true", false]"#, r#""true false""#);
    check("format", r#"["100%%"]"#, r#""100%""#);
    check("format", r#"["%[2]s %[1]s", "a", "b"]"#, r#""b a""#);
    check("format", r#"["%s %s", "a"]"#, "error");
    check("format", r#"["%s", "a", "b"]"#, "error");
    check("format", r#"["%d", 1.5]"#, "error");
    check("format", r#"["%z", 1]"#, "error");
    check("format", r#"["%"]"#, "error");
    check("format", r#"["%s", null]"#, "error");
    check("format", r#"["%d", "12"]"#, r#""12""#);
    check("format", r#"["%99999999999d", 1]"#, "error");
    check("format", r#"["arn:aws:s3:::%s/%s", "b", {"?": "x"}]"#, "unknown \"arn:aws:s3:::b/x\"");
    check("format", r#"["%5s", {"?": "x"}]"#, "unknown \"\"");
    check("format", r#"[{"?": null}, 1]"#, "unknown \"\"");
    check("formatlist", r#"["Hello, %s!", ["Valentina", "Olivia"]]"#, r#"["Hello, Valentina!","Hello, Olivia!"]"#);
    check("formatlist", r#"["%s, %s!", "Salutations", ["A", "B"]]"#, r#"["Salutations, A!","Salutations, B!"]"#);
    check("formatlist", r#"["%s%s", ["a", "b"], ["c"]]"#, "error");
    check("formatlist", r#"["x"]"#, r#"["x"]"#);
    check("formatlist", r#"["x%s", []]"#, "[]");
    check("formatlist", r#"["x%s", ["a", {"?": "b"}]]"#, r#"["xa",unknown "xb"]"#);
    check("formatlist", r#"["x%s", {"?": null}]"#, "unknown \"\"");
}

#[test]
fn collections() {
    check("chunklist", r#"[["a", "b", "c"], 2]"#, r#"[["a","b"],["c"]]"#);
    check("chunklist", r#"[["a", "b"], 0]"#, r#"[["a","b"]]"#);
    check("chunklist", r#"[[], 2]"#, "[]");
    check("chunklist", r#"[["a"], -1]"#, "error");
    check("coalesce", r#"[null, "", "b"]"#, r#""b""#);
    check("coalesce", r#"[1, "b"]"#, r#""1""#);
    check("coalesce", r#"[{"?": "x"}, "b"]"#, "unknown \"x\"");
    check("coalesce", r#"[{"?": null}, "b"]"#, "unknown \"\"");
    check("coalesce", r#"["a", {"?": null}]"#, r#""a""#);
    check("coalesce", r#"[null, ""]"#, "error");
    check("coalescelist", r#"[[], ["c"]]"#, r#"["c"]"#);
    check("coalescelist", r#"[[], null]"#, "error");
    check("coalescelist", r#"[{"?": null}, ["c"]]"#, "unknown \"\"");
    check("compact", r#"[["a", "", null, "b", 1]]"#, r#"["a","b","1"]"#);
    check("compact", r#"[["a", {"?": "x"}]]"#, r#"["a",unknown "x"]"#);
    check("compact", r#"[["a", {"?": null}]]"#, "unknown \"\"");
    check("concat", r#"[["a", ""], ["b"]]"#, r#"["a","","b"]"#);
    check("concat", r#"[["a"], {"?": null}]"#, "unknown \"\"");
    check("concat", r#"[["a"], [{"?": null}]]"#, r#"["a",unknown ""]"#);
    check("concat", r#"[["a"], "b"]"#, "error");
    check("concat", r#"[["a"], null]"#, "error");
    check("contains", r#"[["a", "b"], "a"]"#, "true");
    check("contains", r#"[["a", {"?": "x"}], "a"]"#, "true");
    check("contains", r#"[["a", {"?": "x"}], "b"]"#, "false");
    check("contains", r#"[["a", {"?": "x"}], "xb"]"#, "unknown \"\"");
    check("contains", r#"[[1, 2], "1"]"#, "false");
    check("contains", r#"[[], {"?": null}]"#, "false");
    check("contains", r#"[[[1, 2]], [1, 2]]"#, "true");
    check("element", r#"[["a", "b", "c"], 4]"#, r#""b""#);
    check("element", r#"[["a", "b", "c"], -1]"#, r#""c""#);
    check("element", r#"[["a"], {"?": null}]"#, r#""a""#);
    check("element", r#"[["a", "b"], {"?": null}]"#, "unknown \"\"");
    check("element", r#"[[], 0]"#, "error");
    check("flatten", r#"[[["a", "b"], [], ["c", [1]], {"k": [2]}]]"#, r#"["a","b","c",1,{"k":[2]}]"#);
    check("flatten", r#"[[["a"], {"?": "x"}]]"#, r#"["a",unknown "x"]"#);
    check("flatten", r#"[[["a"], {"?": null}]]"#, "unknown \"\"");
    check("index", r#"[["a", "b", "c"], "b"]"#, "1");
    check("index", r#"[["a"], "z"]"#, "error");
    check("index", r#"[[{"?": null}, "b"], "b"]"#, "unknown \"\"");
    check("keys", r#"[{"c": 2, "a": 1}]"#, r#"["a","c"]"#);
    check("keys", r#"[{"c": {"?": null}}]"#, r#"["c"]"#);
    check("values", r#"[{"c": 2, "a": 1}]"#, "[1,2]");
    check("length", r#"[["a", "b"]]"#, "2");
    check("length", r#"[{"a": 1}]"#, "1");
    check("length", r#"["héllo"]"#, "5");
    check("length", r#"[[{"?": null}]]"#, "1");
    check("length", r#"[{"?": null}]"#, "unknown \"\"");
    check("length", r#"[1]"#, "error");
    check("lookup", r#"[{"a": "ay", "b": "bee"}, "a", "what?"]"#, r#""ay""#);
    check("lookup", r#"[{"a": "ay"}, "c", "what?"]"#, r#""what?""#);
    check("lookup", r#"[{"a": "ay"}, "c", 1]"#, r#""1""#);
    check("lookup", r#"[{"a": "ay"}, "c"]"#, "error");
    check("lookup", r#"[{"a": "ay", "b": {"?": null}}, "a", null]"#, r#""ay""#);
    check("lookup", r#"[{"a": "ay"}, "c", null]"#, "null");
    check("lookup", r#"[{"?": null}, "c", 1]"#, "unknown \"\"");
    check("lookup", r#"[{}, {"?": null}, 1]"#, "1");
    check("matchkeys", r#"[["i-1", "i-2", "i-3"], ["us", "eu", "us"], ["us"]]"#, r#"["i-1","i-3"]"#);
    check("matchkeys", r#"[["a", "b", "c"], [1, 2, 3], [1, "3"]]"#, r#"["a","c"]"#);
    check("matchkeys", r#"[["a"], ["b", "c"], ["b"]]"#, "error");
    check("merge", r#"[{"a": "b", "c": "d"}, null, {"c": "z"}]"#, r#"{"a":"b","c":"z"}"#);
    check("merge", "[]", "{}");
    check("merge", "[null]", "null");
    check("merge", r#"[{"a": 1}, {"?": null}]"#, "unknown \"\"");
    check("merge", r#"[{"a": 1}, ["b"]]"#, "error");
    check("one", "[[]]", "null");
    check("one", "[[true]]", "true");
    check("one", "[[1, 2]]", "error");
    check("one", r#"[{"?": null}]"#, "unknown \"\"");
    check("reverse", r#"[["a", true, 0]]"#, r#"[0,true,"a"]"#);
    check("slice", r#"[["a", "b", "c", "d"], 1, 3]"#, r#"["b","c"]"#);
    check("slice", r#"[["a"], 1, 1]"#, "[]");
    check("slice", r#"[["a"], 0, 2]"#, "error");
    check("slice", r#"[["a"], 1, 0]"#, "error");
    check("sort", r#"[["e", "d", "a", 10, 9]]"#, r#"["10","9","a","d","e"]"#);
    check("sort", r#"[["e", {"?": null}]]"#, "unknown \"\"");
    check("transpose", r#"[{"a": ["1", "2"], "b": ["2", "3"]}]"#, r#"{"1":["a"],"2":["a","b"],"3":["b"]}"#);
    check("zipmap", r#"[["a", "b"], [1, {"?": null}]]"#, r#"{"a":1,"b":unknown ""}"#);
    check("zipmap", r#"[["a"], [1, 2]]"#, "error");
    check("list", r#"["a", 1]"#, r#"["a","1"]"#);
    check("map", r#"["a", 1, "b", 2]"#, r#"{"a":1,"b":2}"#);
    check("map", r#"["a"]"#, "error");
}

#[test]
fn sets() {
    check("distinct", r#"[["a", "b", "a", "c", "b"]]"#, r#"["a","b","c"]"#);
    check("distinct", r#"[[1, "1"]]"#, r#"["1"]"#);
    check("distinct", r#"[[{"a": 1}, {"a": 1}]]"#, r#"[{"a":1}]"#);
    check("toset", r#"[["c", "b", "b", 3]]"#, r#"["3","b","c"]"#);
    check("toset", r#"[[10, 9, 9]]"#, "[9,10]");
    check("toset", "[null]", "null");
    check("toset", "[\"a\"]", "error");
    check("setunion", r#"[["a", "b"], ["b", "c"], ["d"]]"#, r#"["a","b","c","d"]"#);
    check("setunion", r#"[["a"], {"?": null}]"#, "unknown \"\"");
    check("setintersection", r#"[["a", "b"], ["b", "c"], ["b", "d"]]"#, r#"["b"]"#);
    check("setintersection", r#"[["a", "b"], [{"?": "x"}]]"#, "[]");
    check("setintersection", r#"[["a", "xb"], [{"?": "x"}]]"#, "unknown \"\"");
    check("setsubtract", r#"[["a", "b", "c"], ["a", "c"]]"#, r#"["b"]"#);
    check("setproduct", r#"[["a", "b"], ["x", "y"]]"#, r#"[["a","x"],["a","y"],["b","x"],["b","y"]]"#);
    check("setproduct", r#"[["a", "b"], []]"#, "[]");
    check("setproduct", r#"[["a"]]"#, "error");
}

#[test]
fn conversions() {
    check("tostring", "[1]", r#""1""#);
    check("tostring", "[1.5]", r#""1.5""#);
    check("tostring", "[true]", r#""true""#);
    check("tostring", "[null]", "null");
    check("tostring", "[[]]", "error");
    check("tonumber", r#"["42"]"#, "42");
    check("tonumber", r#"["1e3"]"#, "1000");
    check("tonumber", r#"["no"]"#, "error");
    check("tonumber", r#"[" 1"]"#, "error");
    check("tonumber", "[true]", "error");
    check("tobool", r#"["false"]"#, "false");
    check("tobool", r#"["True"]"#, "error");
    check("tobool", "[1]", "error");
    check("tolist", r#"[["a", 1]]"#, r#"["a","1"]"#);
    check("tolist", r#"[{"a": 1}]"#, "error");
    check("tomap", r#"[{"a": "foo", "b": true}]"#, r#"{"a":"foo","b":"true"}"#);
    check("tomap", "[[]]", "error");
    check("sensitive", "[1]", "1");
    check("nonsensitive", "[1]", "1");
    check("flip_sensitive", "[1]", "1");
    check("issensitive", "[1]", "false");
    check("ephemeralasnull", "[1]", "1");
    check("core::upper", "[\"a\"]", "\"A\"");
    check("provider::aws::arn_parse", "[\"a\"]", "unknown \"\"");
}

#[test]
fn encodings() {
    check("base64encode", r#"["abc123!?$*&()'-=@~"]"#, r#""YWJjMTIzIT8kKiYoKSctPUB+""#);
    check("base64decode", r#"["YWJjMTIzIT8kKiYoKSctPUB+"]"#, r#""abc123!?$*&()'-=@~""#);
    check("base64decode", r#"["?"]"#, "error");
    check("base64decode", r#"["//4="]"#, "error");
    check("base64gzip", r#"["test"]"#, r#""H4sIAAAAAAAA/ypJLS4BAAAA//8BAAD//wx+f9gEAAAA""#);
    check("base64gunzip", r#"["H4sIAAAAAAAA/ypJLS4BAAAA//8BAAD//wx+f9gEAAAA"]"#, r#""test""#);
    check("base64gunzip", r#"["AAAA"]"#, "error");
    check("csvdecode", r#"["a,b,c\n1,2,3\n4,\"5,\n5\",6"]"#, r#"[{"a":"1","b":"2","c":"3"},{"a":"4","b":"5,\n5","c":"6"}]"#);
    check("csvdecode", r#"["a,b\n1"]"#, "error");
    check("csvdecode", r#"["a,a\n1,2"]"#, "error");
    check("jsondecode", r#"["{\"hello\": [1, null, 1.5]}"]"#, r#"{"hello":[1,null,1.5]}"#);
    check("jsondecode", r#"["{"]"#, "error");
    check(
        "jsonencode",
        r#"[{"b": "<cats & kittens>", "a": [true, null, 1.5]}]"#,
        r#""{\"a\":[true,null,1.5],\"b\":\"\\u003ccats \\u0026 kittens\\u003e\"}""#,
    );
    check("jsonencode", r#"[{"a": 1, "b": {"?": "arn:"}}]"#, r#"unknown "{\"a\":1,\"b\":\"arn:""#);
    check("textencodebase64", r#"["test", "UTF-16LE"]"#, r#""dABlAHMAdAA=""#);
    check("textdecodebase64", r#"["dABlAHMAdAA=", "UTF-16LE"]"#, r#""test""#);
    check("textencodebase64", r#"["é", "ISO-8859-1"]"#, r#""6Q==""#);
    check("textencodebase64", r#"["€", "ISO-8859-1"]"#, "error");
    check("textencodebase64", r#"["a", "Shift_JIS"]"#, "unknown \"\"");
    check("textdecodebase64", r#"["YQ==", "UTF-16BE"]"#, "error");
    check("urlencode", r#"["foo:bar@localhost?foo=bar&bar=b z"]"#, r#""foo%3Abar%40localhost%3Ffoo%3Dbar%26bar%3Db+z""#);
    check("urldecode", r#"["foo%3Abar+%c3%a9"]"#, r#""foo:bar é""#);
    check("urldecode", r#"["%z"]"#, "error");
    check("yamldecode", r#"["hello: world\nn: [1, yes, \"0\", ~]"]"#, r#"{"hello":"world","n":[1,true,"0",null]}"#);
    check("yamldecode", r#"["true"]"#, "true");
    check("yamldecode", r#"["~"]"#, "null");
    check("yamldecode", r#"["a: 1\n---\nb: 2"]"#, "error");
    check("yamldecode", r#"["a: [1"]"#, "error");
    check("yamlencode", r#"[["foo", true]]"#, r#""- \"foo\"\n- true\n""#);
    check("yamlencode", r#"[true]"#, r#""true\n...\n""#);
    check("yamlencode", r#"[{}]"#, r#""{}\n""#);
    check("yamlencode", r#"[""]"#, r#""\"\"\n""#);
    check(
        "yamlencode",
        r#"[{"foo": [1, {"a": "b", "c": "d"}, [2, 3]], "bar": {"x": [], "y": "l1\nl2\n"}}]"#,
        r#""\"bar\":\n  \"x\": []\n  \"y\": |\n    l1\n    l2\n\"foo\":\n- 1\n- \"a\": \"b\"\n  \"c\": \"d\"\n- - 2\n  - 3\n""#,
    );
    check("yamlencode", r#"[{"b": {"?": null}}]"#, "unknown \"\"");
}

#[test]
fn encoded_text_is_read_back_by_its_own_decoder() {
    for text in [
        "[1,\"a\\nb\",[[\"x\"],{\"k\":{\"l\":[null]}}],\"c\\n\",\" d\\ne\\n\\n\",\"tab\\t\\u0007é\"]",
        "{\"a\":[{\"b\":\"\"}],\"c\":\"x: y\"}",
    ] {
        let value = args(&format!("[{text}]"));
        for (encode, decode) in [("jsonencode", "jsondecode"), ("yamlencode", "yamldecode")] {
            let encoded = run(encode, &value, 1000).unwrap();
            let decoded = run(decode, std::slice::from_ref(&encoded), 1000);
            assert_eq!(decoded.as_ref().ok(), value.first(), "{encode} {encoded:?}");
        }
    }
    let long = "all work and no play ".repeat(5000);
    let zipped = run("base64gzip", &[Value::string(long.clone(), Span::NONE)], 100_000).unwrap();
    assert_eq!(run("base64gunzip", &[zipped], 100_000).unwrap().as_str(), Some(&*long));
}

#[test]
fn hashes() {
    check("md5", r#"["tada"]"#, r#""ce47d07243bb6eaf5e1322c81baf9bbf""#);
    check("sha1", r#"["test"]"#, r#""a94a8fe5ccb19ba61c4c0873d391e987982fbbd3""#);
    check("sha256", r#"["test"]"#, r#""9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08""#);
    check("base64sha256", r#"["test"]"#, r#""n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=""#);
    check("base64sha512", r#"[""]"#, r#""z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==""#);
    check("sha512", r#"[{"?": null}]"#, "unknown \"\"");
    check("uuidv5", r#"["dns", "tada"]"#, r#""faa898db-9b9d-5b75-86a9-149e7bb8e3b8""#);
    check("uuidv5", r#"["x500", "tada"]"#, r#""7e12415e-f7c9-57c3-9e43-52dc9950d264""#);
    check("uuidv5", r#"["6ba7b810-9dad-11d1-80b4-00c04fd430c8", "tada"]"#, r#""faa898db-9b9d-5b75-86a9-149e7bb8e3b8""#);
    check("uuidv5", r#"["nope", "tada"]"#, "error");
    for name in ["uuid", "timestamp", "plantimestamp"] {
        check(name, "[]", "unknown \"\"");
    }
    check("bcrypt", r#"["x"]"#, "unknown \"\"");
    check("rsadecrypt", r#"["x", "y"]"#, "unknown \"\"");
}

#[test]
fn times() {
    let time = "2018-01-02T23:12:01Z";
    let format = |pattern: &str, time: &str, expected: &str| {
        let given = format!("[{}, \"{time}\"]", json::write(&Value::string(pattern, Span::NONE)).unwrap());
        check("formatdate", &given, expected);
    };
    format("DD MMM YYYY hh:mm ZZZ", time, r#""02 Jan 2018 23:12 UTC""#);
    format("EEEE, DD-MMM-YY hh:mm:ss ZZZ", time, r#""Tuesday, 02-Jan-18 23:12:01 UTC""#);
    format("EEE, DD MMM YYYY hh:mm:ss ZZZ", "2018-01-02T23:12:01-08:00", r#""Tue, 02 Jan 2018 23:12:01 -0800""#);
    format("MMM DD, YYYY", time, r#""Jan 02, 2018""#);
    format("HH:mmaa AA", time, r#""11:12pm PM""#);
    format("h'h'mm'm' 'o''clock' ''", time, r#""23h12m o'clock '""#);
    format("YYYY-MM-DD'T'hh:mm:ssZ", "2018-01-02T23:12:01.5+01:30", r#""2018-01-02T23:12:01+01:30""#);
    format("H D M s ZZZZZ", "2018-01-02T00:12:01Z", r#""12 2 1 1 +00:00""#);
    format("JJJ", time, "error");
    format("'x", time, "error");
    format("YYYY", "2018-01-02", "error");
    format("YYYY", "2018-13-02T00:00:00Z", "error");
    check("timeadd", r#"["2017-11-22T00:00:00Z", "10m"]"#, r#""2017-11-22T00:10:00Z""#);
    check("timeadd", r#"["2017-11-22T00:00:00+02:00", "-1.5h"]"#, r#""2017-11-21T22:30:00+02:00""#);
    check("timeadd", r#"["2017-11-22T00:00:00Z", "1h2m3s4ms5us6ns"]"#, r#""2017-11-22T01:02:03Z""#);
    check("timeadd", r#"["2017-11-22T00:00:00Z", "1d"]"#, "error");
    check("timeadd", r#"["2017-11-22T00:00:00Z", "999999999999999999h"]"#, "error");
    check("timecmp", r#"["2017-11-22T00:00:00Z", "2017-11-22T01:00:00+01:00"]"#, "0");
    check("timecmp", r#"["2017-11-22T00:00:00Z", "2017-11-22T01:00:00Z"]"#, "-1");
    check("timecmp", r#"["2017-11-22T01:00:00Z", "2017-11-22T00:00:00Z"]"#, "1");
}

#[test]
fn networks() {
    check("cidrhost", r#"["10.12.112.0/20", 16]"#, r#""10.12.112.16""#);
    check("cidrhost", r#"["10.12.112.0/20", -1]"#, r#""10.12.127.255""#);
    check("cidrhost", r#"["10.12.112.0/20", 4096]"#, "error");
    check("cidrhost", r#"["fd00:fd12:3456:7890:00a2::/72", 34]"#, r#""fd00:fd12:3456:7890::22""#);
    check("cidrhost", r#"["10.0.0.1/32", 0]"#, r#""10.0.0.1""#);
    check("cidrhost", r#"["x", 0]"#, "error");
    check("cidrnetmask", r#"["172.16.0.0/12"]"#, r#""255.240.0.0""#);
    check("cidrnetmask", r#"["0.0.0.0/0"]"#, r#""0.0.0.0""#);
    check("cidrnetmask", r#"["::/0"]"#, "error");
    check("cidrsubnet", r#"["192.168.2.0/20", 4, 6]"#, r#""192.168.6.0/24""#);
    check("cidrsubnet", r#"["172.16.0.0/12", 4, 2]"#, r#""172.18.0.0/16""#);
    check("cidrsubnet", r#"["fd00:fd12:3456:7890::/56", 16, 162]"#, r#""fd00:fd12:3456:7800:a200::/72""#);
    check("cidrsubnet", r#"["::/0", 0, 0]"#, r#""::/0""#);
    check("cidrsubnet", r#"["10.0.0.0/8", 8, 256]"#, "error");
    check("cidrsubnet", r#"["10.0.0.0/8", 30, 0]"#, "error");
    check("cidrsubnet", r#"[{"?": null}, 8, 1]"#, "unknown \"\"");
    check("cidrsubnets", r#"["10.1.0.0/16", 4, 4, 8, 4]"#, r#"["10.1.0.0/20","10.1.16.0/20","10.1.32.0/24","10.1.48.0/20"]"#);
    check("cidrsubnets", r#"["10.0.0.0/31", 1, 1, 1]"#, "error");
    check("cidrsubnets", r#"["255.0.0.0/8", 1, 1, 1]"#, "error");
    check("cidrsubnets", r#"["10.0.0.0/8", 0]"#, "error");
    check("cidrsubnets", r#"["10.0.0.0/8"]"#, "[]");
    check("cidrcontains", r#"["192.168.2.0/20", "192.168.2.1"]"#, "true");
    check("cidrcontains", r#"["192.168.2.0/20", "192.168.2.0/19"]"#, "false");
    check("cidrcontains", r#"["192.168.2.0/20", "fe80::1"]"#, "error");
}

#[test]
fn files() {
    check("file", r#"["hello.txt"]"#, r#""hello!""#);
    check("file", r#"["./hello.txt"]"#, r#""hello!""#);
    check("file", r#"["../../modules/db/policy.json"]"#, r#""{}""#);
    check("file", r#"["missing"]"#, "error");
    check("file", r#"["binary"]"#, "error");
    check("file", r#"["../../../etc/passwd"]"#, "unknown \"\"");
    check("file", r#"["/etc/passwd"]"#, "unknown \"\"");
    check("file", r#"["~/.ssh/id_rsa"]"#, "unknown \"\"");
    check("file", r#"["link"]"#, "unknown \"\"");
    check("file", r#"["large"]"#, "unknown \"\"");
    check("filebase64", r#"["binary"]"#, r#""//4=""#);
    check("fileexists", r#"["hello.txt"]"#, "true");
    check("fileexists", r#"["missing"]"#, "false");
    check("fileexists", r#"["/etc/passwd"]"#, "unknown \"\"");
    check("filemd5", r#"["hello.txt"]"#, r#""5a8dd3ad0756a93ded72b823b19dd877""#);
    check("filesha1", r#"["hello.txt"]"#, r#""8f7d88e901a5ad3a05d8cc0de93313fd76028f8c""#);
    check("filesha256", r#"["hello.txt"]"#, r#""ce06092fb948d9ffac7d1a376e404b26b7575bcc11ee05a4615fef4fec3a308b""#);
    check("filebase64sha256", r#"["hello.txt"]"#, r#""zgYJL7lI2f+sfRo3bkBLJrdXW8wR7gWkYV/vT+w6MIs=""#);
    check("filesha512", r#"["missing"]"#, "error");
    check("filebase64sha512", r#"["missing"]"#, "error");
    check("fileset", r#"[".", "*.tf"]"#, r#"[".hidden.tf","a.tf"]"#);
    check("fileset", r#"[".", "**/*.tf"]"#, r#"[".hidden.tf","a.tf","sub/b.tf","sub/deep/c.tf"]"#);
    check("fileset", r#"["sub", "**"]"#, r#"["b.tf","deep/c.tf"]"#);
    check("fileset", r#"[".", "{a,hello}.*"]"#, r#"["a.tf","hello.txt"]"#);
    check("fileset", r#"[".", "sub/*"]"#, r#"["sub/b.tf"]"#);
    check("fileset", r#"["sub", "../*.txt"]"#, r#"["../hello.txt"]"#);
    check("fileset", r#"[".", "../../modules/*/*.json"]"#, r#"["../../modules/db/policy.json"]"#);
    check("fileset", r#"[".", "../../../*"]"#, "unknown \"\"");
    check("fileset", r#"["/", "*"]"#, "unknown \"\"");
    check("fileset", r#"[".", "[a"]"#, "error");
    check("basename", r#"["foo/bar/baz.txt"]"#, r#""baz.txt""#);
    check("dirname", r#"["foo/bar/baz.txt"]"#, r#""foo/bar""#);
    check("abspath", r#"["."]"#, "unknown \"\"");
    check("pathexpand", r#"["/etc"]"#, r#""/etc""#);
    check("pathexpand", r#"["~/x"]"#, "unknown \"\"");
    check("templatefile", r#"["hello.tmpl", {"name": "Jodie"}]"#, r#""Hello, Jodie!""#);
    check("templatefile", r#"["missing", {}]"#, "error");
    check("templatefile", r#"["hello.tmpl", {"?": null}]"#, "unknown \"\"");
    check("templatestring", r#"["Hello, ${name}!", {"name": "Jodie"}]"#, r#""Hello, Jodie!""#);
}

fn secret(text: &str, at: usize, step: &str, subject: &str) -> Value {
    let mut value = Value::string(text, span(at));
    value.sensitive = true;
    value.origin = Some(Arc::new(Origin {
        steps: vec![OriginStep { kind: StepKind::Local, name: step.into(), span: span(at) }],
        references: vec![Reference { subject: subject.into(), attribute: "id".into() }],
    }));
    value
}

#[test]
fn marks_and_references_go_where_their_values_go() {
    let (a, b) = (secret("a", 1, "local.a", "x.a"), secret("b", 2, "local.b", "x.b"));
    let list = Value::list(vec![a.clone(), b.clone(), Value::string("c", span(3))], span(4));
    let names = |value: &Value| value.references().iter().map(|reference| reference.subject.to_string()).collect::<Vec<_>>();

    let joined = run("join", &[Value::string(",", Span::NONE), list.clone()], 100).unwrap();
    assert!(joined.sensitive);
    assert_eq!(names(&joined), ["x.a", "x.b"]);
    assert_eq!(joined.origin.as_ref().unwrap().steps.len(), 2);
    assert_eq!(joined.span, span(99));

    let reversed = run("reverse", std::slice::from_ref(&list), 100).unwrap();
    assert!(!reversed.sensitive && reversed.origin.is_none());
    let items = reversed.as_list().unwrap();
    assert_eq!(
        items.iter().map(|item| (item.sensitive, item.span)).collect::<Vec<_>>(),
        [(false, span(3)), (true, span(2)), (true, span(1))]
    );

    let mut whole = list.clone();
    whole.sensitive = true;
    whole.origin.clone_from(&secret("", 9, "local.all", "x.all").origin);
    let item = run("element", &[whole.clone(), Value::int(0, Span::NONE)], 100).unwrap();
    assert_eq!((item.sensitive, item.span, names(&item)), (true, span(1), vec!["x.a".to_owned(), "x.all".to_owned()]));
    let count = run("length", std::slice::from_ref(&whole), 100).unwrap();
    assert!(count.sensitive);

    let unknown = Value::reference("aws_kms_key.k", "arn", span(5));
    let text = run("format", &[Value::string("%s-%s", Span::NONE), a.clone(), unknown.clone()], 100).unwrap();
    assert!(text.sensitive);
    assert_eq!(names(&text), ["x.a", "aws_kms_key.k"]);
    let reason = text.as_unknown().unwrap();
    assert_eq!((reason.kind, reason.set, &*reason.prefix), (UnknownKind::Reference, true, "a-"));

    let encoded = run("jsonencode", &[Value::list(vec![unknown.clone(), a.clone()], span(6))], 100).unwrap();
    let decoded = encoded.as_unknown().unwrap().decoded.clone().unwrap();
    assert_eq!(decoded.as_list().unwrap().iter().map(|item| item.span).collect::<Vec<_>>(), [span(5), span(1)]);
    assert_eq!(run("jsondecode", &[encoded], 100).unwrap(), decoded);

    let kept = run("compact", &[Value::list(vec![unknown.clone()], span(6))], 100).unwrap();
    assert_eq!(kept.as_list().unwrap().len(), 1);
    assert!(run("issensitive", std::slice::from_ref(&a), 100).unwrap().as_bool().unwrap());
    assert!(!run("nonsensitive", std::slice::from_ref(&a), 100).unwrap().sensitive);
    assert!(!run("lower", &[Value::string("A", Span::NONE)], 100).unwrap().sensitive);
}

#[test]
fn origins_are_capped() {
    let items: Vec<Value> = (0..200).map(|at| secret("x", at, &format!("local.l{at}"), &format!("x.y{at}"))).collect();
    let joined = run("join", &[Value::string("", Span::NONE), Value::list(items, Span::NONE)], 1000).unwrap();
    let origin = joined.origin.unwrap();
    assert_eq!((origin.steps.len(), origin.references.len()), (16, 64));
}

#[test]
fn growth_meets_the_budget() {
    let limited = |name: &str, args: &[Value], steps: u64| {
        let result = run(name, args, steps).unwrap();
        assert_eq!(result.as_unknown().map(|unknown| unknown.kind), Some(UnknownKind::Limit), "{name}");
    };
    let text = |text: &str| Value::string(text, Span::NONE);
    let many = Value::list((0..2000).map(|at| Value::int(at, Span::NONE)).collect(), Span::NONE);
    limited("setproduct", &[many.clone(), many.clone(), many.clone()], u64::MAX);
    limited("setproduct", &[many.clone(), many.clone()], 1000);
    limited("range", &[Value::int(1000, Span::NONE)], 100);
    limited("join", &[text(&"x".repeat(20_000)), many.clone()], u64::MAX);
    limited("replace", &[text(&"a".repeat(5000)), text("a"), text(&"b".repeat(5000))], u64::MAX);
    limited("replace", &[text(&"a".repeat(5000)), text("/a/"), text(&"b".repeat(5000))], u64::MAX);
    limited("format", &[text(&"%[1]65000d".repeat(500)), Value::int(1, Span::NONE)], u64::MAX);
    limited("upper", &[text("a")], 0);
    limited("regex", &[text("((a{1000}){1000}){1000}"), text("a")], u64::MAX);
    limited("cidrsubnets", &[text("10.0.0.0/8"), Value::int(8, Span::NONE), Value::int(8, Span::NONE)], 2);
}

#[test]
fn values_that_share_their_parts_do_not_explode() {
    // Twenty-odd lists of two, each twice the one before: a million million parts in a few bytes.
    let mut value = Value::list(vec![Value::string("x", Span::NONE); 2], Span::NONE);
    let mut other = value.clone();
    for _ in 0..40 {
        value = Value::list(vec![value.clone(), value], Span::NONE);
        other = Value::list(vec![other.clone(), other], Span::NONE);
    }
    let one = std::slice::from_ref(&value);
    for name in ["jsonencode", "yamlencode", "flatten", "distinct", "sort", "length", "toset", "one", "reverse", "sum", "alltrue"] {
        let _ = run(name, one, 50_000_000);
    }
    let text = Value::string("%v", Span::NONE);
    for (name, args) in [
        ("format", vec![text.clone(), value.clone()]),
        ("join", vec![text.clone(), value.clone()]),
        ("contains", vec![Value::list(vec![other.clone()], Span::NONE), value.clone()]),
        ("index", vec![Value::list(vec![other.clone()], Span::NONE), value.clone()]),
        ("setunion", vec![Value::list(vec![other.clone()], Span::NONE), Value::list(vec![value.clone()], Span::NONE)]),
        ("setsubtract", vec![Value::list(vec![other], Span::NONE), Value::list(vec![value], Span::NONE)]),
    ] {
        let _ = run(name, &args, 50_000_000);
    }
}

#[test]
fn wrong_calls_are_errors_that_name_the_function() {
    let message = |name: &str, given: &str| run(name, &args(given), 100).unwrap_err().message;
    assert_eq!(message("nope", "[]"), "there is no function named `nope`");
    assert_eq!(message("upper", "[]"), "`upper` takes 1 argument, but 0 are given");
    assert_eq!(message("substr", "[\"a\"]"), "`substr` takes 3 arguments, but 1 is given");
    assert_eq!(message("lookup", "[{}]"), "`lookup` takes 2 to 3 arguments, but 1 is given");
    assert_eq!(message("join", "[\"\"]"), "`join` takes at least 2 arguments, but 1 is given");
    assert_eq!(message("upper", "[[]]"), "`upper`: argument 1 must be a string, not a list");
    assert_eq!(message("file", "[\"nope\"]"), "`file`: there is no file `nope`");
    assert_eq!(
        message("file", "[\"policy.json\"]"),
        "`file`: there is no file `policy.json`; the one beside the module is `${path.module}/policy.json`"
    );
    assert!(!is_known_function("try") && !is_known_function("can"));
}

#[test]
fn the_cases_name_every_function() {
    let sources = [
        include_str!("collection.rs"),
        include_str!("conversion.rs"),
        include_str!("datetime.rs"),
        include_str!("encoding.rs"),
        include_str!("filesystem.rs"),
        include_str!("hash.rs"),
        include_str!("hcl_text.rs"),
        include_str!("network.rs"),
        include_str!("numeric.rs"),
        include_str!("set.rs"),
        include_str!("string.rs"),
    ];
    let found = |source: &'static str| source.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => Function::"));
    let mut names: Vec<&str> = sources.iter().flat_map(|source| found(source)).map(|(name, _)| name).collect();
    // The evaluator has these two; the last is only in the console.
    names.extend(["can", "try", "type"]);
    names.sort_unstable();
    let cases = include_str!("../../../tests/functions/cases.txt");
    let listed: Vec<&str> = cases.lines().filter_map(|line| line.strip_prefix("## ")?.split(' ').next()).collect();
    assert_eq!(listed, names);
}
