//! `validate.podSecurity`: the Pod Security Standards with controls, images, fields and values left out.

use std::sync::Arc;

use probity_core::{Status, span_at};
use probity_kubernetes::pod_security::{Check, Container, FieldError, Level, Pod, Trouble, Version, Violation, control};
use probity_kubernetes::wildcard;
use probity_value::{Map, Span, Value};

use crate::read::Reader;
use crate::validate::Verdict;

/// A control that is left out, wholly or in part.
#[derive(Clone, Debug)]
pub(crate) struct Exclusion {
    checks: &'static [&'static str],
    images: Vec<Arc<str>>,
    /// The field, with `[*]` for every index; empty for all.
    field: Arc<str>,
    values: Vec<Arc<str>>,
}

impl Exclusion {
    /// Reads the list under a key.
    pub(crate) fn read_all(reader: &mut Reader, map: &Map, key: &str, level: Option<Level>) -> Vec<Exclusion> {
        let items = reader.list(map, key);
        items.iter().filter_map(|item| Exclusion::read(reader, item, level)).collect()
    }

    fn read(reader: &mut Reader, value: &Value, level: Option<Level>) -> Option<Exclusion> {
        let map = reader.fields(value, "exclude", &["controlName", "images", "restrictedField", "values"])?;
        let name = reader.required_text(map, "controlName", "exclude", value.span)?;
        let Some(control) = control(&name) else {
            reader.wrong(value.span, format!("`{name}` is no control of the Pod Security Standards"));
            return None;
        };
        let images = reader.texts(map, "images");
        let field = reader.text(map, "restrictedField").unwrap_or_else(|| "".into());
        let values = reader.texts(map, "values");
        if control.containers_only && images.is_empty() {
            reader.wrong(value.span, format!("the control `{name}` is about containers: `images` are needed"));
        }
        if control.pod_only && !images.is_empty() {
            reader.wrong(value.span, format!("the control `{name}` is about the pod: `images` may not be given"));
        }
        if field.is_empty() != values.is_empty() {
            reader.wrong(value.span, "`restrictedField` and `values` go together");
        }
        let restricted = ["Volume Types", "Privilege Escalation", "Running as Non-root", "Running as Non-root user"].contains(&&*name);
        if level == Some(Level::Baseline) && restricted {
            reader.wrong(value.span, format!("the control `{name}` does not belong to the level baseline"));
        }
        Some(Exclusion { checks: control.checks, images, field, values })
    }
}

/// `podSecurity`.
#[derive(Debug)]
pub(crate) struct PodSecurity {
    level: Level,
    version: Version,
    /// As written, for messages.
    version_text: Arc<str>,
    exclusions: Vec<Exclusion>,
}

/// One field error in the words of policies: every number a star.
fn starred(error: &FieldError) -> String {
    let mut out = String::new();
    let mut number = false;
    for sign in error.field().chars() {
        if sign.is_ascii_digit() {
            if !number {
                out.push('*');
            }
            number = true;
        } else {
            number = false;
            out.push(sign);
        }
    }
    out
}

/// The container a field error is about, if it is about one.
fn container_of<'p>(pod: &Pod<'p>, error: &FieldError) -> Option<Container<'p>> {
    use probity_core::PathStep::{Index, Key};
    let [_, Key(list), Index(index), ..] = error.path.as_slice() else { return None };
    pod.containers.iter().find(|container| *container.kind.list() == **list && container.index == *index).copied()
}

impl PodSecurity {
    pub(crate) fn read(reader: &mut Reader, value: &Value) -> Option<PodSecurity> {
        let map = reader.fields(value, "podSecurity", &["level", "version", "exclude"])?;
        let words = [("privileged", Level::Privileged), ("baseline", Level::Baseline), ("restricted", Level::Restricted)];
        // Without a level Kyverno asks every check, as it does for `privileged`.
        let level = reader.word(map, "level", &words).unwrap_or(Level::Privileged);
        let version_text = reader.text(map, "version").filter(|text| !text.is_empty()).unwrap_or_else(|| "latest".into());
        let version = match version_text.parse() {
            Ok(version) => version,
            Err(message) => {
                reader.wrong(map.get("version").map_or(value.span, |version| version.span), message);
                return None;
            }
        };
        let exclusions = Exclusion::read_all(reader, map, "exclude", Some(level));
        Some(PodSecurity { level, version, version_text, exclusions })
    }

    /// All checks of the level, each in the form of the version or its first: Kyverno lets none override another.
    fn violations(&self, pod: &Pod<'_>) -> Result<Vec<Violation>, Trouble> {
        let mut violations = Vec::new();
        for check in Check::all() {
            if self.level != Level::Baseline || check.level == Level::Baseline {
                violations.extend(check.judge(pod, self.version)?);
            }
        }
        Ok(violations)
    }

    fn exclude(&self, violations: &mut Vec<Violation>, exclusion: &Exclusion, pod: &Pod<'_>) -> Result<(), Trouble> {
        let fake = {
            let mut map = Map::new();
            map.insert("name", Span::NONE, Value::string("fake", Span::NONE));
            Value::map(map, Span::NONE)
        };
        let nothing = Value::null(Span::NONE);
        let by_container = !exclusion.images.is_empty();
        let part = if by_container {
            let mut kept: Vec<Container<'_>> = pod
                .containers
                .iter()
                .filter(|container| wildcard::matches_any(exclusion.images.iter().map(|image| &**image), container.image()))
                .copied()
                .collect();
            // Each list is numbered anew.
            let mut next = [0_usize; 3];
            for container in &mut kept {
                if let Some(number) = next.get_mut(container.kind as usize) {
                    container.index = *number;
                    *number += 1;
                }
            }
            Pod { annotations: None, spec: &nothing, containers: kept }
        } else {
            let main = Container { kind: probity_kubernetes::pod_security::ContainerKind::Main, index: 0, value: &fake };
            Pod { annotations: pod.annotations, spec: pod.spec, containers: vec![main] }
        };
        let found = self.violations(&part)?;
        for excluded in found.iter().filter(|violation| exclusion.checks.contains(&violation.check)) {
            for error in excluded.fields.iter().flatten() {
                let field = starred(error);
                if !exclusion.field.is_empty() && *field != *exclusion.field {
                    continue;
                }
                let allowed = |value: &String| wildcard::matches_any(exclusion.values.iter().map(|value| &**value), value);
                if !exclusion.values.is_empty() && !error.bad.values().iter().all(allowed) {
                    continue;
                }
                let name = if by_container { container_of(&part, error).map(|container| container.name()) } else { None };
                let Some(violation) = violations.iter_mut().find(|violation| violation.check == excluded.check) else { continue };
                if let Some(fields) = &mut violation.fields
                    && let Some(at) = fields.iter().position(|own| {
                        let same = if by_container { container_of(pod, own).map(|container| container.name()) } else { None };
                        starred(own) == field && same == name
                    })
                {
                    fields.remove(at);
                }
            }
        }
        violations.retain(|violation| violation.fields.as_ref().is_none_or(|fields| !fields.is_empty()));
        Ok(())
    }

    /// Judges an object that has a pod; `more` are exclusions of exceptions, by name.
    pub(crate) fn judge(&self, name: &str, object: &Value, more: &[(Arc<str>, &[Exclusion])]) -> Verdict {
        match self.judge_pod(name, object, more) {
            Ok(verdict) => verdict,
            Err(Trouble::Malformed(message)) => Verdict::new(Status::Error, message),
            Err(Trouble::Unknown(reason)) => Verdict::new(Status::Unknown, reason.to_string()),
        }
    }

    fn judge_pod(&self, name: &str, object: &Value, more: &[(Arc<str>, &[Exclusion])]) -> Result<Verdict, Trouble> {
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
        let Some(way) = crate::images::pod_path(kind) else {
            return Ok(Verdict::new(Status::Error, format!("Pod Security judges pods and their controllers, and this is a {kind}")));
        };
        let nothing = Value::null(Span::NONE);
        let follow = |keys: &[&str]| keys.iter().try_fold(object, |value, key| value.get(key)).unwrap_or(&nothing);
        // Of a CronJob, Kyverno takes the metadata of the job.
        let metadata = match kind {
            "CronJob" => follow(&["spec", "jobTemplate", "metadata"]),
            "Pod" => follow(&["metadata"]),
            _ => follow(&["spec", "template", "metadata"]),
        };
        let pod = Pod::new(metadata, follow(way))?;
        let mut violations = self.violations(&pod)?;
        for exclusion in &self.exclusions {
            self.exclude(&mut violations, exclusion, &pod)?;
        }
        if violations.is_empty() {
            return Ok(Verdict::new(Status::Pass, format!("Validation rule '{name}' passed.")));
        }
        for (_, exclusions) in more {
            for exclusion in *exclusions {
                self.exclude(&mut violations, exclusion, &pod)?;
            }
        }
        if violations.is_empty() {
            let names: Vec<&str> = more.iter().map(|(name, _)| &**name).collect();
            let message = format!("rule is skipped due to policy exceptions {}", names.join(", "));
            let reason = probity_core::SkipReason::Exception(names.join(", ").into());
            return Ok(Verdict::skip(reason, message));
        }
        Ok(self.failed(name, object, way, &violations))
    }

    fn failed(&self, name: &str, object: &Value, way: &[&str], violations: &[Violation]) -> Verdict {
        use std::fmt::Write as _;
        let whole = way.join(".");
        let metadata = if way.len() > 1 {
            way.split_last().map_or(String::new(), |(_, rest)| format!("{}.metadata", rest.join(".")))
        } else {
            "metadata".to_owned()
        };
        let mut message = format!("Validation rule '{name}' failed. It violates PodSecurity \"{}:{}\": ", self.level, self.version_text);
        for violation in violations {
            let fields: Vec<String> = violation
                .fields
                .iter()
                .flatten()
                .map(|error| {
                    let text = error.to_string();
                    match (text.strip_prefix("spec"), text.strip_prefix("metadata")) {
                        (Some(rest), _) => format!("{whole}{rest}"),
                        (_, Some(rest)) => format!("{metadata}{rest}"),
                        _ => text,
                    }
                })
                .collect();
            let _ = write!(message, "(Forbidden reason: {}, field error list: [{}])", violation.reason, fields.join(", "));
        }
        let mut verdict = Verdict::new(Status::Fail, message);
        if let Some(error) = violations.iter().find_map(|violation| violation.fields.as_ref()?.first()) {
            let prefix = way.split_last().map_or(&[][..], |(_, rest)| rest);
            verdict.path =
                prefix.iter().map(|key| probity_core::PathStep::Key(Arc::from(*key))).chain(error.path.iter().cloned()).collect();
            verdict.at = span_at(object, &verdict.path);
        }
        verdict
    }
}
