//! What is known of attributes before there are any: how their text begins.

/// How the text of an attribute begins that a resource, or a data source, of this kind will have; empty where nothing is known.
///
/// `account` is the `account_id` of a Google service account, where it is known.
pub(super) fn beginning(kind: &str, name: &str, account: Option<&str>) -> String {
    // The names AWS gives begin with `arn:` whatever the partition, so they are never a lone `*`.
    if kind.starts_with("aws_") && matches!(name, "arn" | "qualified_arn") {
        return "arn:".to_owned();
    }
    let account = account.filter(|account| !account.contains('@')).map(|account| format!("{account}@")).unwrap_or_default();
    match (kind, name) {
        ("google_service_account", "email") => account,
        ("google_service_account", "member") => format!("serviceAccount:{account}"),
        ("google_service_account", "id" | "name") | ("google_project_iam_custom_role", "id" | "name") => "projects/".to_owned(),
        ("google_organization_iam_custom_role", "id" | "name") => "organizations/".to_owned(),
        // Whatever else Google gives as a member is a service account of its own.
        (_, "member" | "writer_identity") if kind.starts_with("google_") => "serviceAccount:".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        let check = |kind: &str, name: &str, account: Option<&str>, expected: &str| {
            assert_eq!(beginning(kind, name, account), expected, "{kind}.{name} {account:?}");
        };
        check("aws_kms_key", "arn", None, "arn:");
        check("aws_kms_key", "id", None, "");
        check("azurerm_x", "arn", None, "");
        check("google_service_account", "email", None, "");
        check("google_service_account", "email", Some("app"), "app@");
        check("google_service_account", "member", Some("app"), "serviceAccount:app@");
        check("google_service_account", "member", Some("app@p.iam.gserviceaccount.com"), "serviceAccount:");
        check("google_service_account", "name", Some("app"), "projects/");
        check("google_project_service_identity", "member", None, "serviceAccount:");
        check("google_logging_project_sink", "writer_identity", None, "serviceAccount:");
        check("google_project_iam_custom_role", "id", None, "projects/");
        check("google_organization_iam_custom_role", "name", None, "organizations/");
        check("aws_x", "member", None, "");
    }
}
