//! Paths of the Kubernetes API, as policies call them: `/api/v1/namespaces/default/pods/web`, `/apis/apps/v1/deployments?labelSelector=...`.

/// A path of the API, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ApiPath {
    /// `group/version`, or the version alone.
    pub(super) api_version: String,
    /// The plural.
    pub(super) resource: String,
    /// The namespace; empty for none or all.
    pub(super) namespace: String,
    /// The object's name; `None` for a list.
    pub(super) name: Option<String>,
    /// The sub-resource; empty for none.
    pub(super) sub_resource: String,
    /// `labelSelector` of the query.
    pub(super) selector: String,
}

/// Takes a path apart; `None` where it is none of the API's, or asks for what no fixture of objects can tell.
pub(super) fn parse(url: &str) -> Option<ApiPath> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (api_version, rest) = match *parts.as_slice() {
        ["api", version, ref rest @ ..] => (version.to_owned(), rest),
        ["apis", group, version, ref rest @ ..] => (format!("{group}/{version}"), rest),
        _ => return None,
    };
    let (namespace, rest) = match *rest {
        // `/api/v1/namespaces/default` is the namespace itself.
        ["namespaces", namespace, resource, ref more @ ..] => (namespace, [&[resource][..], more].concat()),
        _ => ("", rest.to_vec()),
    };
    let mut selector = String::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("labelSelector", text) => selector = percent_decoded(text)?,
            ("limit" | "resourceVersion" | "resourceVersionMatch" | "pretty" | "timeoutSeconds", _) => {}
            _ => return None,
        }
    }
    let (resource, name, sub_resource) = match *rest.as_slice() {
        [resource] => (resource, None, ""),
        [resource, name] => (resource, Some(name.to_owned()), ""),
        [resource, name, sub] => (resource, Some(name.to_owned()), sub),
        _ => return None,
    };
    Some(ApiPath {
        api_version,
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        name,
        sub_resource: sub_resource.to_owned(),
        selector,
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let check = |url: &str, expected: Option<(&str, &str, &str, Option<&str>, &str)>| {
            let got = parse(url);
            let got =
                got.as_ref().map(|path| (&*path.api_version, &*path.resource, &*path.namespace, path.name.as_deref(), &*path.selector));
            assert_eq!(got, expected, "{url}");
        };
        check("/api/v1/namespaces", Some(("v1", "namespaces", "", None, "")));
        check("/api/v1/namespaces/default", Some(("v1", "namespaces", "", Some("default"), "")));
        check("/api/v1/namespaces/default/pods", Some(("v1", "pods", "default", None, "")));
        check("/api/v1/namespaces/default/pods/web", Some(("v1", "pods", "default", Some("web"), "")));
        check("/apis/apps/v1/deployments?labelSelector=app%3Dweb", Some(("apps/v1", "deployments", "", None, "app=web")));
        check("/apis/apps/v1/deployments?fieldSelector=x%3Dy", None);
        check("/version", None);
        check("https://example.com/api/v1/pods", None);
    }
}
