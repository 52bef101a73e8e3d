//! Results become findings: spans become lines and columns, values become fingerprints.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::{Finding, OriginPlace, Place, RuleResult, SubjectRef, World};
use probity_value::{FileId, SourceFile, SourceMap, Span, StepKind, Value};

/// Looks places up, remembering files.
struct Places<'a> {
    texts: &'a SourceMap,
    files: HashMap<FileId, Option<Arc<SourceFile>>>,
}

impl Places<'_> {
    fn place(&mut self, span: Span) -> Place {
        let texts = self.texts;
        let file = self.files.entry(span.file).or_insert_with(|| texts.file(span.file));
        match file {
            None => Place { file: "".into(), line: 0, column: 0, end_line: 0, end_column: 0, span: Span::NONE },
            Some(file) => {
                let (start, end) = (file.line_column(span.start), file.line_column(span.end));
                Place {
                    file: Arc::clone(file.path()),
                    line: start.line,
                    column: start.column,
                    end_line: end.line,
                    end_column: end.column,
                    span,
                }
            }
        }
    }
}

/// The place of a span; an empty file and line 0 where it names none.
#[must_use]
pub fn place(texts: &SourceMap, span: Span) -> Place {
    Places { texts, files: HashMap::new() }.place(span)
}

/// What a step on the way of a value is called.
fn step_text(kind: StepKind, name: &str) -> String {
    match kind {
        StepKind::VariableDefault => format!("default of `{name}`"),
        StepKind::VariableFile => format!("value given to `{name}`"),
        StepKind::ModuleArgument => format!("module argument `{name}`"),
        StepKind::Local => format!("`{name}`"),
        StepKind::Output => format!("output `{name}`"),
        StepKind::Attribute => format!("attribute `{name}`"),
        StepKind::Repeat => format!("repeated by `{name}`"),
        StepKind::Alias => format!("alias `{name}`"),
        StepKind::Overlay => format!("set by `{name}`"),
    }
}

/// Gives a finding its fingerprint: of rule id, subject id, root path and the judged value.
pub type Fingerprint<'a> = dyn Fn(&str, &str, &str, Option<&Value>) -> Arc<str> + 'a;

/// Makes findings of results, sorted by file, line, rule and subject.
#[must_use]
pub fn locate(results: Vec<RuleResult>, world: &World, texts: &SourceMap, fingerprint: &Fingerprint<'_>) -> Vec<Finding> {
    let mut places = Places { texts, files: HashMap::new() };
    let mut findings: Vec<Finding> = results
        .into_iter()
        .filter_map(|result| {
            let subject = world.subject(result.subject)?;
            let origin = result.judged.as_ref().and_then(|value| value.origin.as_deref());
            Some(Finding {
                fingerprint: fingerprint(&result.rule.id, &subject.id, &subject.root, result.judged.as_ref()),
                subject: SubjectRef {
                    kind: subject.kind,
                    id: Arc::clone(&subject.id),
                    type_name: Arc::clone(&subject.type_name),
                    root: Arc::clone(&subject.root),
                },
                at: places.place(result.at.or(subject.head).or(subject.span)),
                subject_at: places.place(subject.span),
                via: subject.via.iter().map(|span| places.place(*span)).collect(),
                origin: origin
                    .map(|origin| {
                        origin
                            .steps
                            .iter()
                            .map(|step| OriginPlace { what: step_text(step.kind, &step.name), at: places.place(step.span) })
                            .collect()
                    })
                    .unwrap_or_default(),
                rule: result.rule,
                status: result.status,
                message: result.message,
                also_seen_by: Vec::new(),
                exception: None,
                counts: true,
                existed: None,
                colour: result.colour,
                first_met: result.first_met,
            })
        })
        .collect();
    findings.sort_by(|a, b| {
        (&a.at.file, a.at.line, a.at.column, &a.rule.id, &a.subject.id, &a.subject.root).cmp(&(
            &b.at.file,
            b.at.line,
            b.at.column,
            &b.rule.id,
            &b.subject.id,
            &b.subject.root,
        ))
    });
    findings
}
