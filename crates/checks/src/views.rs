//! One subject with what the engine works out of it, each worked out once however many rules ask.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use probity_core::{Subject, SubjectIndex};
use probity_value::{Span, Value};

use crate::openings::{self, Entry};
use crate::path::{Selected, View, decode_json, vague};
use crate::truth::Trail;
use crate::{iam, kubernetes};

/// Decoded JSON by the address of its text, which is kept so that the address stays its own.
type Decoded = RefCell<HashMap<usize, (Arc<str>, Option<Value>)>>;

/// A subject and its views.
pub(crate) struct Views<'w> {
    pub(crate) index: SubjectIndex,
    pub(crate) subject: &'w Subject,
    object: OnceCell<Option<(Arc<str>, Value)>>,
    known: RefCell<HashMap<View, Selected>>,
    entries: [OnceCell<Option<Vec<Entry>>>; 2],
    decoded: Decoded,
}

impl<'w> Views<'w> {
    pub(crate) fn new(index: SubjectIndex, subject: &'w Subject) -> Views<'w> {
        Views {
            index,
            subject,
            object: OnceCell::new(),
            known: RefCell::default(),
            entries: [OnceCell::new(), OnceCell::new()],
            decoded: RefCell::default(),
        }
    }

    /// The whole subject.
    pub(crate) fn root(&self) -> Selected {
        // Where nothing more exact is found, the head of the subject is the place: no place of its own says that.
        let mut root = Selected::value(self.subject.value.clone(), Trail::default(), Span::NONE);
        root.at = Span::NONE;
        root
    }

    /// Decoded JSON text, remembered.
    pub(crate) fn decode(&self, value: &Value) -> Option<Value> {
        let probity_value::Data::String(text) = &value.data else { return None };
        let key = text.as_ptr() as usize;
        if let Some((known, decoded)) = self.decoded.borrow().get(&key)
            && Arc::ptr_eq(known, text)
        {
            return decoded.clone().map(|decoded| decoded.at(value.span));
        }
        let decoded = decode_json(value);
        self.decoded.borrow_mut().insert(key, (Arc::clone(text), decoded.clone()));
        decoded
    }

    /// The entries of a network resource.
    pub(crate) fn entries(&self, egress: bool) -> Option<&[Entry]> {
        let [ingress, out] = &self.entries;
        let cell = if egress { out } else { ingress };
        cell.get_or_init(|| openings::entries(self.subject, egress)).as_deref()
    }

    /// A view of the whole subject.
    pub(crate) fn view(&self, view: View) -> Selected {
        if let Some(known) = self.known.borrow().get(&view) {
            return known.clone();
        }
        let made = self.make(view);
        self.known.borrow_mut().insert(view, made.clone());
        made
    }

    fn object(&self) -> Option<&(Arc<str>, Value)> {
        self.object.get_or_init(|| kubernetes::object(self.subject)).as_ref()
    }

    fn make(&self, view: View) -> Selected {
        let absent = || Selected::absent(Trail::default().name(view.as_str().trim_start_matches('$')), Span::NONE);
        let part = |name: &str| self.object().and_then(|(kind, object)| kubernetes::pod_part(kind, object, name));
        // The pod is the subject for its rules: paths in messages begin there, and where nothing is found the head is the place.
        let rooted = |value: Value| {
            let mut selected = Selected::value(value, Trail::default(), Span::NONE);
            selected.at = Span::NONE;
            selected
        };
        match view {
            View::Object => self.object().map_or_else(absent, |(_, object)| rooted(object.clone())),
            View::Pod => part("spec").map_or_else(absent, rooted),
            View::PodMetadata => part("metadata").map_or_else(absent, |value| {
                let mut found = rooted(value);
                found.trail = Trail::default().name("metadata");
                found
            }),
            View::Containers | View::MainContainers => part("spec").map_or_else(absent, |pod| {
                let (value, labels) = kubernetes::containers(&pod, view == View::Containers);
                let mut found = Selected::value(value, Trail::default().name("containers"), Span::NONE);
                found.labels = Some(labels.into());
                found
            }),
            View::Ingress | View::Egress => {
                let egress = view == View::Egress;
                self.entries(egress).map_or_else(absent, |entries| {
                    let (value, labels) = openings::view(entries, Span::NONE);
                    let mut found = Selected::value(value, Trail::default().name(if egress { "egress" } else { "ingress" }), Span::NONE);
                    found.labels = Some(labels.into());
                    found
                })
            }
            View::Flags | View::Statements => absent(),
        }
    }
}

/// A view of the value a path has come to.
pub(crate) fn of_value(view: View, from: &Selected) -> Selected {
    let trail = from.trail.clone();
    let Some(value) = &from.value else { return Selected::absent(trail.name(view.as_str()), from.at) };
    match view {
        View::Flags => {
            if value.is_unknown() {
                return Selected::value(vague(value), trail, from.at);
            }
            Selected::value(kubernetes::flags(value), trail, from.at)
        }
        View::Statements => match iam::statements(value) {
            Some(found) => Selected::value(found, trail.name("Statement"), from.at),
            None => Selected::absent(trail.name("Statement"), from.at),
        },
        _ => from.clone(),
    }
}
