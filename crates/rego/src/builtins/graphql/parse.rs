//! GraphQL documents read into the trees that `gqlparser` makes, as terms: nodes are objects with its names of fields, and with
//! `Position`, a list of line and column, that is taken out before a tree is shown.

use crate::term::{Term, quote};

/// How deep values, types and selections may nest.
const MAX_DEPTH: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    End,
    Sign(&'static str),
    Name,
    Int,
    Float,
    String,
    Block,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::End => "<EOF>",
            Kind::Sign(sign) => sign,
            Kind::Name => "Name",
            Kind::Int => "Int",
            Kind::Float => "Float",
            Kind::String => "String",
            Kind::Block => "BlockString",
        }
    }
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    value: String,
    line: usize,
    column: usize,
}

impl Token {
    fn shown(&self) -> String {
        if self.value.is_empty() { self.kind.name().to_owned() } else { format!("{} {}", self.kind.name(), quote(&self.value)) }
    }
}

/// What is wrong, and where.
pub(super) struct Wrong {
    pub(super) reason: String,
    pub(super) line: usize,
    pub(super) column: usize,
}

type Step<T> = Result<T, Wrong>;

const SIGNS: [&str; 13] = ["...", "!", "$", "&", "(", ")", ":", "=", "@", "[", "]", "{", "}"];

fn tokens(text: &str) -> Step<Vec<Token>> {
    let letters: Vec<char> = text.strip_prefix('\u{feff}').unwrap_or(text).chars().collect();
    let mut out = Vec::new();
    let (mut at, mut line, mut line_start) = (0, 1, 0);
    let get = |at: usize| letters.get(at).copied();
    while let Some(letter) = get(at) {
        let column = at - line_start + 1;
        let wrong = |reason: String| Wrong { reason, line, column };
        match letter {
            '\n' => {
                at += 1;
                line += 1;
                line_start = at;
                continue;
            }
            ' ' | '\t' | ',' | '\r' => {
                at += 1;
                continue;
            }
            '#' => {
                while get(at).is_some_and(|letter| !matches!(letter, '\n' | '\r')) {
                    at += 1;
                }
                continue;
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let start = at;
                while get(at).is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
                    at += 1;
                }
                let value = letters.get(start..at).unwrap_or_default().iter().collect();
                out.push(Token { kind: Kind::Name, value, line, column });
            }
            '-' | '0'..='9' => {
                let start = at;
                let digits = |at: &mut usize| {
                    let from = *at;
                    while get(*at).is_some_and(|letter| letter.is_ascii_digit()) {
                        *at += 1;
                    }
                    *at > from
                };
                let mut kind = Kind::Int;
                if letter == '-' {
                    at += 1;
                }
                let leading = get(at) == Some('0');
                let first = at;
                if !digits(&mut at) {
                    return Err(wrong("Invalid number, expected digit".to_owned()));
                }
                if leading && at > first + 1 {
                    return Err(wrong("Invalid number, unexpected digit after 0".to_owned()));
                }
                if get(at) == Some('.') {
                    kind = Kind::Float;
                    at += 1;
                    if !digits(&mut at) {
                        return Err(wrong("Invalid number, expected digit".to_owned()));
                    }
                }
                if matches!(get(at), Some('e' | 'E')) {
                    kind = Kind::Float;
                    at += 1;
                    if matches!(get(at), Some('+' | '-')) {
                        at += 1;
                    }
                    if !digits(&mut at) {
                        return Err(wrong("Invalid number, expected digit".to_owned()));
                    }
                }
                let value = letters.get(start..at).unwrap_or_default().iter().collect();
                out.push(Token { kind, value, line, column });
            }
            '"' if get(at + 1) == Some('"') && get(at + 2) == Some('"') => {
                let begin = (line, column);
                at += 3;
                let mut raw = String::new();
                loop {
                    match get(at) {
                        None => return Err(Wrong { reason: "Unterminated string.".to_owned(), line, column }),
                        Some('"') if get(at + 1) == Some('"') && get(at + 2) == Some('"') => break,
                        Some('\\') if letters.get(at + 1..at + 4) == Some(&['"', '"', '"']) => {
                            raw.push_str("\"\"\"");
                            at += 4;
                        }
                        Some(letter) => {
                            at += 1;
                            if letter == '\n' {
                                line += 1;
                                line_start = at;
                            }
                            if letter == '\r' {
                                if get(at) != Some('\n') {
                                    raw.push('\n');
                                }
                            } else {
                                raw.push(letter);
                            }
                        }
                    }
                }
                at += 3;
                out.push(Token { kind: Kind::Block, value: block_text(&raw), line: begin.0, column: begin.1 });
            }
            '"' => {
                at += 1;
                let mut value = String::new();
                loop {
                    match get(at) {
                        None | Some('\n' | '\r') => return Err(wrong("Unterminated string.".to_owned())),
                        Some('"') => break,
                        Some('\\') => {
                            let escaped = match get(at + 1) {
                                Some(letter @ ('"' | '/' | '\\')) => letter,
                                Some('b') => '\u{8}',
                                Some('f') => '\u{c}',
                                Some('n') => '\n',
                                Some('r') => '\r',
                                Some('t') => '\t',
                                Some('u') => {
                                    let digits: String = letters.get(at + 2..at + 6).unwrap_or_default().iter().collect();
                                    let code = if digits.len() == 4 { u32::from_str_radix(&digits, 16).ok() } else { None };
                                    at += 4;
                                    match code {
                                        Some(code) => char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
                                        None => return Err(wrong(format!("Invalid character escape sequence: \\u{digits}."))),
                                    }
                                }
                                other => {
                                    let shown = other.map(String::from).unwrap_or_default();
                                    return Err(wrong(format!("Invalid character escape sequence: \\{shown}.")));
                                }
                            };
                            value.push(escaped);
                            at += 2;
                        }
                        Some(letter) => {
                            value.push(letter);
                            at += 1;
                        }
                    }
                }
                at += 1;
                out.push(Token { kind: Kind::String, value, line, column });
            }
            _ => {
                let rest: String = letters.iter().skip(at).take(3).collect();
                let sign = SIGNS.into_iter().chain(["|"]).find(|sign| rest.starts_with(sign));
                let Some(sign) = sign else {
                    return Err(wrong(format!("Cannot parse the unexpected character {}.", quote(&letter.to_string()))));
                };
                out.push(Token { kind: Kind::Sign(sign), value: String::new(), line, column });
                at += sign.len();
            }
        }
    }
    out.push(Token { kind: Kind::End, value: String::new(), line, column: at - line_start + 1 });
    Ok(out)
}

/// The text of a block: without the indent all lines but the first have, and without blank lines at both ends.
fn block_text(raw: &str) -> String {
    let lines: Vec<&str> = raw.split('\n').collect();
    let indent_of = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let is_blank = |line: &str| line.trim_matches([' ', '\t']).is_empty();
    let common = lines.iter().skip(1).filter(|line| !is_blank(line)).map(|line| indent_of(line)).min().unwrap_or(0);
    let cut: Vec<&str> =
        lines.iter().enumerate().map(|(at, line)| if at == 0 { line } else { line.get(common..).unwrap_or_default() }).collect();
    let first = cut.iter().position(|line| !is_blank(line)).unwrap_or(cut.len());
    let last = cut.iter().rposition(|line| !is_blank(line)).map_or(first, |last| last + 1);
    cut.get(first..last).unwrap_or_default().join("\n")
}

/// A node: fields in any order.
fn node(at: (usize, usize), fields: Vec<(&str, Term)>) -> Term {
    let int = |value: usize| Term::Number(crate::number::Number::from_usize(value));
    let position = (Term::from("Position"), Term::array(vec![int(at.0), int(at.1)]));
    Term::object(fields.into_iter().map(|(key, value)| (Term::from(key), value)).chain([position]).collect())
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Token {
        self.tokens.get(self.at).or(self.tokens.last()).cloned().unwrap_or(Token {
            kind: Kind::End,
            value: String::new(),
            line: 1,
            column: 1,
        })
    }

    fn place(&self) -> (usize, usize) {
        let token = self.peek();
        (token.line, token.column)
    }

    fn next(&mut self) -> Token {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn wrong<T>(token: &Token, reason: String) -> Step<T> {
        Err(Wrong { reason, line: token.line, column: token.column })
    }

    fn unexpected<T>(&self) -> Step<T> {
        let token = self.peek();
        Parser::wrong(&token, format!("Unexpected {}", token.shown()))
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek().kind, Kind::Sign(found) if found == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Name && token.value == word
    }

    fn skip(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Step<()> {
        if self.skip(sign) {
            return Ok(());
        }
        let token = self.peek();
        Parser::wrong(&token, format!("Expected {sign}, found {}", token.kind.name()))
    }

    fn name(&mut self) -> Step<Term> {
        let token = self.peek();
        if token.kind != Kind::Name {
            return Parser::wrong(&token, format!("Expected Name, found {}", token.kind.name()));
        }
        self.at += 1;
        Ok(Term::from(token.value))
    }

    fn word(&mut self, word: &str) -> Step<()> {
        if self.is_word(word) {
            self.at += 1;
            return Ok(());
        }
        let token = self.peek();
        Parser::wrong(&token, format!("Expected {}, found {}", quote(word), token.shown()))
    }

    /// Things between signs, if there is the first one; at least one where `some` says so.
    fn between(&mut self, open: &str, close: &str, some: bool, one: &mut dyn FnMut(&mut Parser) -> Step<Term>) -> Step<Term> {
        let mut out = Vec::new();
        if !self.skip(open) {
            return Ok(Term::array(out));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Parser::wrong(&self.peek(), "exceeded depth limit".to_owned());
        }
        while !self.is(close) {
            out.push(one(self)?);
        }
        self.depth -= 1;
        if out.is_empty() && some {
            let token = self.peek();
            return Parser::wrong(&token, format!("expected at least one definition, found {}", token.kind.name()));
        }
        self.at += 1;
        Ok(Term::array(out))
    }

    fn query(&mut self) -> Step<Term> {
        let at = self.place();
        let (mut operations, mut fragments) = (Vec::new(), Vec::new());
        loop {
            let token = self.peek();
            match token.kind {
                Kind::End => break,
                Kind::Sign("{") => operations.push(self.operation()?),
                Kind::Name if matches!(token.value.as_str(), "query" | "mutation" | "subscription") => operations.push(self.operation()?),
                Kind::Name if token.value == "fragment" => fragments.push(self.fragment_definition()?),
                _ => return self.unexpected(),
            }
        }
        Ok(node(at, vec![("Operations", Term::array(operations)), ("Fragments", Term::array(fragments))]))
    }

    fn operation(&mut self) -> Step<Term> {
        let at = self.place();
        if self.is("{") {
            let selections = self.selections()?;
            return Ok(node(at, vec![("Operation", Term::from("query")), ("Name", Term::from("")), ("SelectionSet", selections)]));
        }
        let operation = self.next().value;
        let name = if self.peek().kind == Kind::Name { self.name()? } else { Term::from("") };
        let variables = self.variables()?;
        let directives = self.directives(false)?;
        let selections = self.selections()?;
        Ok(node(
            at,
            vec![
                ("Operation", Term::from(operation)),
                ("Name", name),
                ("VariableDefinitions", variables),
                ("Directives", directives),
                ("SelectionSet", selections),
            ],
        ))
    }

    fn variables(&mut self) -> Step<Term> {
        self.between("(", ")", false, &mut |parser| {
            let at = parser.place();
            parser.expect("$")?;
            let variable = parser.name()?;
            parser.expect(":")?;
            let kind = parser.kind()?;
            let default = if parser.skip("=") { parser.value(true)? } else { Term::Null };
            let directives = parser.directives(false)?;
            Ok(node(
                at,
                vec![
                    ("Variable", variable),
                    ("Type", kind),
                    ("DefaultValue", default),
                    ("Directives", directives),
                    ("Used", Term::Bool(false)),
                ],
            ))
        })
    }

    fn selections(&mut self) -> Step<Term> {
        if !self.is("{") {
            let token = self.peek();
            return Parser::wrong(&token, format!("Expected {{, found {}", token.kind.name()));
        }
        self.between("{", "}", true, &mut |parser| if parser.is("...") { parser.spread() } else { parser.field() })
    }

    fn field(&mut self) -> Step<Term> {
        let at = self.place();
        let alias = self.name()?;
        let name = if self.skip(":") { self.name()? } else { alias.clone() };
        let arguments = self.arguments(false)?;
        let directives = self.directives(false)?;
        let selections = if self.is("{") { self.selections()? } else { Term::Null };
        Ok(node(
            at,
            vec![("Alias", alias), ("Name", name), ("Arguments", arguments), ("Directives", directives), ("SelectionSet", selections)],
        ))
    }

    fn spread(&mut self) -> Step<Term> {
        self.expect("...")?;
        let at = self.place();
        if self.peek().kind == Kind::Name && !self.is_word("on") {
            let name = self.name()?;
            let directives = self.directives(false)?;
            return Ok(node(at, vec![("Name", name), ("Directives", directives)]));
        }
        let condition = if self.is_word("on") {
            self.at += 1;
            self.name()?
        } else {
            Term::from("")
        };
        let directives = self.directives(false)?;
        let selections = self.selections()?;
        Ok(node(at, vec![("TypeCondition", condition), ("Directives", directives), ("SelectionSet", selections)]))
    }

    fn fragment_definition(&mut self) -> Step<Term> {
        let at = self.place();
        self.word("fragment")?;
        if self.is_word("on") {
            return self.unexpected();
        }
        let name = self.name()?;
        let variables = self.variables()?;
        self.word("on")?;
        let condition = self.name()?;
        let directives = self.directives(false)?;
        let selections = self.selections()?;
        Ok(node(
            at,
            vec![
                ("Name", name),
                ("VariableDefinition", variables),
                ("TypeCondition", condition),
                ("Directives", directives),
                ("SelectionSet", selections),
            ],
        ))
    }

    fn arguments(&mut self, constant: bool) -> Step<Term> {
        self.between("(", ")", false, &mut |parser| parser.named_value(constant))
    }

    fn named_value(&mut self, constant: bool) -> Step<Term> {
        let at = self.place();
        let name = self.name()?;
        self.expect(":")?;
        let value = self.value(constant)?;
        Ok(node(at, vec![("Name", name), ("Value", value)]))
    }

    fn value(&mut self, constant: bool) -> Step<Term> {
        let at = self.place();
        let token = self.peek();
        let made = |kind: i64, raw: Term, children: Term| {
            node(at, vec![("Kind", Term::int(kind)), ("Raw", raw), ("Children", children), ("ExpectedTypeHasDefault", Term::Bool(false))])
        };
        let kind = match token.kind {
            Kind::Sign("[") => {
                let items = self.between("[", "]", false, &mut |parser| {
                    let at = parser.place();
                    let value = parser.value(constant)?;
                    Ok(node(at, vec![("Name", Term::from("")), ("Value", value)]))
                })?;
                return Ok(made(8, Term::from(""), items));
            }
            Kind::Sign("{") => {
                let fields = self.between("{", "}", false, &mut |parser| parser.named_value(constant))?;
                return Ok(made(9, Term::from(""), fields));
            }
            Kind::Sign("$") if !constant => {
                self.at += 1;
                let name = self.name()?;
                return Ok(made(0, name, Term::Null));
            }
            Kind::Int => 1,
            Kind::Float => 2,
            Kind::String => 3,
            Kind::Block => 4,
            Kind::Name => match token.value.as_str() {
                "true" | "false" => 5,
                "null" => 6,
                _ => 7,
            },
            _ => return self.unexpected(),
        };
        self.at += 1;
        Ok(made(kind, Term::from(token.value), Term::Null))
    }

    fn directives(&mut self, constant: bool) -> Step<Term> {
        let mut out = Vec::new();
        while self.skip("@") {
            let at = self.place();
            let name = self.name()?;
            let arguments = self.arguments(constant)?;
            out.push(node(at, vec![("Name", name), ("Arguments", arguments), ("Location", Term::from(""))]));
        }
        Ok(Term::array(out))
    }

    fn kind(&mut self) -> Step<Term> {
        let at = self.place();
        let (named, inner) = if self.skip("[") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Parser::wrong(&self.peek(), "exceeded depth limit".to_owned());
            }
            let inner = self.kind()?;
            self.depth -= 1;
            self.expect("]")?;
            (Term::from(""), inner)
        } else {
            (self.name()?, Term::Null)
        };
        let not_null = self.skip("!");
        Ok(node(at, vec![("NamedType", named), ("Elem", inner), ("NonNull", Term::Bool(not_null))]))
    }

    fn description(&mut self) -> Term {
        if matches!(self.peek().kind, Kind::String | Kind::Block) { Term::from(self.next().value) } else { Term::from("") }
    }

    fn schema(&mut self) -> Step<Term> {
        let at = self.place();
        let names = ["Schema", "SchemaExtension", "Directives", "Definitions", "Extensions"];
        let mut lists: [Vec<Term>; 5] = Default::default();
        let [schema, schema_extensions, directives, definitions, extensions] = &mut lists;
        while self.peek().kind != Kind::End {
            let described = self.peek();
            let description = self.description();
            let token = self.peek();
            if token.kind != Kind::Name {
                return self.unexpected();
            }
            match token.value.as_str() {
                "scalar" | "type" | "interface" | "union" | "enum" | "input" => definitions.push(self.definition(description, false)?),
                "schema" => schema.push(self.entry(description, false)?),
                "directive" => directives.push(self.directive_definition(description)?),
                "extend" => {
                    if description != Term::from("") {
                        return Parser::wrong(&described, format!("Unexpected {}", described.shown()));
                    }
                    self.at += 1;
                    match self.peek().value.as_str() {
                        "schema" => schema_extensions.push(self.entry(Term::from(""), true)?),
                        "scalar" | "type" | "interface" | "union" | "enum" | "input" => {
                            extensions.push(self.definition(Term::from(""), true)?);
                        }
                        _ => return self.unexpected(),
                    }
                }
                _ => return self.unexpected(),
            }
        }
        Ok(node(at, names.into_iter().zip(lists).map(|(name, list)| (name, Term::array(list))).collect()))
    }

    fn entry(&mut self, description: Term, extension: bool) -> Step<Term> {
        self.word("schema")?;
        let at = self.place();
        let directives = self.directives(true)?;
        let operations = self.between("{", "}", true, &mut |parser| {
            let at = parser.place();
            let token = parser.next();
            if !matches!(token.value.as_str(), "query" | "mutation" | "subscription") {
                return Parser::wrong(&token, format!("Unexpected {}", token.shown()));
            }
            parser.expect(":")?;
            let kind = parser.name()?;
            Ok(node(at, vec![("Operation", Term::from(token.value)), ("Type", kind)]))
        })?;
        if extension && directives.size() == Some(0) && operations.size() == Some(0) {
            return self.unexpected();
        }
        Ok(node(at, vec![("Description", description), ("Directives", directives), ("OperationTypes", operations)]))
    }

    fn names(&mut self, sign: &str) -> Step<Term> {
        self.skip(sign);
        let mut out = vec![self.name()?];
        while self.skip(sign) {
            out.push(self.name()?);
        }
        Ok(Term::array(out))
    }

    fn definition(&mut self, description: Term, extension: bool) -> Step<Term> {
        let word = self.next().value;
        let at = self.place();
        let name = self.name()?;
        let empty = || Term::array(Vec::new());
        let mut interfaces = empty();
        if matches!(word.as_str(), "type" | "interface") && !(extension && word == "interface") && self.is_word("implements") {
            self.at += 1;
            interfaces = self.names("&")?;
        }
        let directives = self.directives(!(extension && word == "input"))?;
        let (mut fields, mut types, mut values) = (empty(), empty(), empty());
        let kind = match word.as_str() {
            "scalar" => "SCALAR",
            "type" | "interface" => {
                fields = self.between("{", "}", true, &mut |parser| parser.field_definition(true))?;
                if word == "type" { "OBJECT" } else { "INTERFACE" }
            }
            "union" => {
                if self.skip("=") {
                    types = self.names("|")?;
                }
                "UNION"
            }
            "enum" => {
                values = self.between("{", "}", true, &mut |parser| {
                    let at = parser.place();
                    let description = parser.description();
                    let name = parser.name()?;
                    let directives = parser.directives(true)?;
                    Ok(node(at, vec![("Description", description), ("Name", name), ("Directives", directives)]))
                })?;
                "ENUM"
            }
            _ => {
                fields = self.between("{", "}", true, &mut |parser| parser.field_definition(false))?;
                "INPUT_OBJECT"
            }
        };
        if extension && [&interfaces, &directives, &fields, &types, &values].iter().all(|list| list.size() == Some(0)) {
            return self.unexpected();
        }
        Ok(node(
            at,
            vec![
                ("Kind", Term::from(kind)),
                ("Description", description),
                ("Name", name),
                ("Directives", directives),
                ("Interfaces", interfaces),
                ("Fields", fields),
                ("Types", types),
                ("EnumValues", values),
                ("BuiltIn", Term::Bool(false)),
            ],
        ))
    }

    /// A field of an object, which may have arguments, or one of an input object or an argument, which may have a default.
    fn field_definition(&mut self, output: bool) -> Step<Term> {
        let at = self.place();
        let description = self.description();
        let name = self.name()?;
        let arguments =
            if output { self.between("(", ")", true, &mut |parser| parser.field_definition(false))? } else { Term::array(Vec::new()) };
        self.expect(":")?;
        let kind = self.kind()?;
        let default = if !output && self.skip("=") { self.value(true)? } else { Term::Null };
        let directives = self.directives(true)?;
        Ok(node(
            at,
            vec![
                ("Description", description),
                ("Name", name),
                ("Arguments", arguments),
                ("Type", kind),
                ("DefaultValue", default),
                ("Directives", directives),
            ],
        ))
    }

    fn directive_definition(&mut self, description: Term) -> Step<Term> {
        self.word("directive")?;
        self.expect("@")?;
        let at = self.place();
        let name = self.name()?;
        let arguments = self.between("(", ")", true, &mut |parser| parser.field_definition(false))?;
        let repeatable = self.is_word("repeatable");
        if repeatable {
            self.at += 1;
        }
        self.word("on")?;
        let first = self.at;
        let locations = self.names("|")?;
        for (at, location) in locations.as_array().into_iter().flat_map(|list| list.iter()).enumerate() {
            if !location.as_str().is_some_and(|name| LOCATIONS.contains(&name)) {
                let token = self.tokens.get(first..).unwrap_or_default().iter().filter(|token| token.kind == Kind::Name).nth(at).cloned();
                let token = token.unwrap_or_else(|| self.peek());
                return Parser::wrong(&token, format!("Unexpected {}", token.shown()));
            }
        }
        Ok(node(
            at,
            vec![
                ("Description", description),
                ("Name", name),
                ("Arguments", arguments),
                ("Locations", locations),
                ("IsRepeatable", Term::Bool(repeatable)),
            ],
        ))
    }
}

const LOCATIONS: [&str; 19] = [
    "QUERY",
    "MUTATION",
    "SUBSCRIPTION",
    "FIELD",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "VARIABLE_DEFINITION",
    "SCHEMA",
    "SCALAR",
    "OBJECT",
    "FIELD_DEFINITION",
    "ARGUMENT_DEFINITION",
    "INTERFACE",
    "UNION",
    "ENUM",
    "ENUM_VALUE",
    "INPUT_OBJECT",
    "INPUT_FIELD_DEFINITION",
];

/// Reads a query.
pub(super) fn query(text: &str) -> Result<Term, Wrong> {
    Parser { tokens: tokens(text)?, at: 0, depth: 0 }.query()
}

/// Reads a schema.
pub(super) fn schema(text: &str) -> Result<Term, Wrong> {
    Parser { tokens: tokens(text)?, at: 0, depth: 0 }.schema()
}
