//! Every key of `probity.yaml`. The reader refuses what is not here, and a test compares the reference with it.

/// One key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// Its path: `.` between maps, `[]` after a list, `<...>` for a name the user chooses.
    pub path: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What holds where it is left out; empty where it must be given.
    pub default: &'static str,
}

const fn key(path: &'static str, takes: &'static str, default: &'static str) -> Key {
    Key { path, takes, default }
}

/// All keys, in the order of the reference.
pub const KEYS: &[Key] = &[
    key("version", "1", "1"),
    key("gate", "map", "all defaults"),
    key("gate.red_at", "severity", "high"),
    key("gate.yellow_at", "severity", "medium"),
    key("gate.unknown", "count, yellow or red", "count"),
    key("gate.suppressions", "allow, forbid or a map", "allow"),
    key("gate.suppressions.forbid_at", "severity", ""),
    key("gate.rules_version", "version as text", "the newest"),
    key("gate.ignore_paths", "list of path patterns", "none"),
    key("paths", "list of maps", "none"),
    key("paths[].path", "path pattern", ""),
    key("paths[].red_at", "severity", "as in gate"),
    key("paths[].yellow_at", "severity", "as in gate"),
    key("paths[].unknown", "count, yellow or red", "as in gate"),
    key("paths[].suppressions", "allow, forbid or a map", "as in gate"),
    key("paths[].suppressions.forbid_at", "severity", ""),
    key("policies", "map", "all defaults"),
    key("policies.folders", "list of folders", "none"),
    key("policies.disable", "list of rule ids", "none"),
    key("policies.severity", "map", "none"),
    key("policies.severity.<rule>", "severity", "the rule's own"),
    key("policies.parameters", "map", "none"),
    key("policies.parameters.<name>", "list of texts", "none"),
    key("policies.preview", "true or false", "false"),
    key("policies.lookup", "list of files", "none"),
    key("policies.conftest", "list of maps", "none"),
    key("policies.conftest[].policy", "folder or file", ""),
    key("policies.conftest[].files", "list of path patterns", ""),
    key("policies.conftest[].namespaces", "list of packages", "main"),
    key("policies.conftest[].data", "list of files or folders", "none"),
    key("policies.conftest[].parser", "name of a parser", "by the file's name"),
    key("policies.conftest[].combine", "true or false", "false"),
    key("policies.conftest[].rego", "v0 or v1", "v1"),
    key("exceptions", "map", "all defaults"),
    key("exceptions.folder", "folder", ".probity/exceptions"),
    key("exceptions.baseline", "file", ".probity/baseline.json"),
    key("exceptions.baseline_days", "days", "365"),
    key("exceptions.max_days", "map", "as below"),
    key("exceptions.max_days.critical", "days", "7"),
    key("exceptions.max_days.high", "days", "30"),
    key("exceptions.max_days.medium", "days", "90"),
    key("exceptions.max_days.low", "days", "365"),
    key("exceptions.max_days.info", "days", "365"),
    key("exceptions.require_signature", "true or false", "true where approvers are named"),
    key("exceptions.never", "list of rule ids", "none"),
    key("approvers", "list of maps", "none"),
    key("approvers[].name", "text", ""),
    key("approvers[].role", "text", ""),
    key("approvers[].emails", "list of addresses", "none"),
    key("approvers[].keys", "list of SSH public keys", ""),
    key("approvers[].may_accept", "list of severities", "all"),
    key("evidence", "map", "all defaults"),
    key("evidence.directory", "folder", "the user's state folder"),
    key("evidence.key", "file", "made on first use"),
    key("evidence.worm", "map", "none"),
    key("evidence.worm.to", "address of a store", "must be named"),
    key("evidence.worm.mode", "`compliance` or `governance`", "`compliance`"),
    key("evidence.worm.retain", "days or years such as 90d or 7y", "must be named"),
    key("evidence.worm.legal_hold", "true or false", "false"),
    key("required", "map", "none"),
    key("required.<scan>", "age such as 30m, 24h, 7d or 2w", ""),
    key("scans", "list of maps", "none"),
    key("scans[].name", "text", ""),
    key("scans[].file", "file", ""),
    key("scans[].format", "name of a format", "what its content says"),
    key("secrets", "map", "all defaults"),
    key("secrets.enabled", "true or false", "true"),
    key("secrets.own_rules", "true or false", "true"),
    key("secrets.gitleaks", "list of files", "none"),
    key("secrets.ignore_paths", "list of path patterns", "none"),
    key("secrets.max_archive_depth", "number", "8"),
    key("secrets.max_decode_depth", "number", "3"),
    key("packages", "map", "all defaults"),
    key("packages.enabled", "true or false", "true"),
    key("packages.allowed_licences", "list of SPDX ids", "any"),
    key("packages.denied_licences", "list of SPDX ids", "none"),
    key("packages.sources", "map", "any"),
    key("packages.sources.<type>", "list of hosts or addresses", ""),
    key("packages.internal", "list of package URLs", "none"),
    key("vulnerabilities", "map", "all defaults"),
    key("vulnerabilities.enabled", "true or false", "true"),
    key("vulnerabilities.database", "file", "the user's, else the one built in"),
    key("vulnerabilities.max_age", "age such as 24h, 7d or 2w", "any"),
    key("vulnerabilities.red_if", "list of conditions", "known-exploited, malicious, critical-with-fix"),
    key("vulnerabilities.yellow_if", "list of conditions", "high"),
    key("vulnerabilities.vex", "list of files", "none"),
    key("vulnerabilities.patch_windows", "map", "none"),
    key("vulnerabilities.patch_windows.<condition>", "age such as 24h, 7d or 2w", ""),
    key("vulnerabilities.signers", "list of SSH public keys", "any database"),
    key("terraform", "map", "all defaults"),
    key("terraform.variable_files", "list of files", "none"),
    key("terraform.workspace", "text", "default"),
];

/// The keys right below `at` (empty for the top), without names the user chooses.
pub(super) fn below(at: &str) -> impl Iterator<Item = &'static str> + '_ {
    KEYS.iter().filter_map(move |key| {
        let rest = if at.is_empty() { key.path } else { key.path.strip_prefix(at)?.strip_prefix('.')? };
        (!rest.contains(['.', '[', '<'])).then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children() {
        assert_eq!(below("evidence").collect::<Vec<_>>(), ["directory", "key", "worm"]);
        assert_eq!(below("scans[]").collect::<Vec<_>>(), ["name", "file", "format"]);
        assert_eq!(below("gate.suppressions").collect::<Vec<_>>(), ["forbid_at"]);
        assert_eq!(below("").count(), 13);
        assert_eq!(below("required").count(), 0);
    }

    /// `| key | takes | default | meaning |` rows of the reference, without the header.
    #[test]
    fn the_reference_lists_the_same_keys() {
        let reference = include_str!("../../../../docs/reference/configuration.md");
        let rows: Vec<(String, String, String)> = reference
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                (cells[1].trim_matches('`').to_owned(), cells[2].to_owned(), cells[3].to_owned())
            })
            .collect();
        let keys: Vec<(String, String, String)> = KEYS
            .iter()
            .map(|key| {
                let default = if key.default.is_empty() { "must be given" } else { key.default };
                (key.path.to_owned(), key.takes.to_owned(), default.to_owned())
            })
            .collect();
        assert_eq!(rows, keys);
    }
}
