//! Installed gems of Ruby: `specifications/*.gemspec`.

use std::sync::Arc;

use probity_packages::Inventory;

use crate::sheet::{Root, Sheet, folder, name, purl};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// Whether a file is the specification of an installed gem.
pub(crate) fn claims(path: &str) -> bool {
    path.ends_with(".gemspec") && folder(path).split('/').any(|part| part == "specifications")
}

pub(crate) fn read(path: &str, root: &Root<'_>) -> Inventory {
    let mut sheet = Sheet::new(path, "gem-installed");
    let text = sheet.text(root, LARGEST);
    let (mut gem, mut version, mut platform) = (None, None, None);
    let mut licences: Vec<Arc<str>> = Vec::new();
    let mut line = 0;
    for (number, row) in (1_u32..).zip(text.lines()) {
        // `s.name = "rake".freeze`
        let Some((target, value)) = row.trim().split_once('=') else { continue };
        let Some((_, field)) = target.trim().split_once('.') else { continue };
        let strings: Vec<&str> = value.split(['"', '\'']).skip(1).step_by(2).collect();
        match (field, strings.first()) {
            ("name", Some(value)) if gem.is_none() => {
                gem = Some(*value);
                line = number;
            }
            ("version", Some(value)) if version.is_none() => version = Some(*value),
            ("platform", Some(value)) => platform = Some(*value),
            ("license" | "licenses", Some(_)) => licences = strings.into_iter().map(Arc::from).collect(),
            _ => {}
        }
    }
    // What is worked out when it is loaded stands in the name of the file.
    let stem = name(path).trim_end_matches(".gemspec");
    let told = stem.rsplit_once('-').filter(|(_, version)| version.starts_with(|first: char| first.is_ascii_digit()));
    let gem = gem.or(told.map(|(gem, _)| gem)).unwrap_or(stem);
    let version = version.or(told.map(|(_, version)| version)).unwrap_or_default();
    if version.is_empty() && sheet.out.problems.is_empty() {
        sheet.problem(0, format!("gem `{gem}` has no version"), true);
    }
    let purl = purl("gem", None, gem, version).with("platform", platform.filter(|platform| *platform != "ruby").unwrap_or_default());
    if let Some(found) = sheet.add(purl, line).and_then(|index| sheet.package(index)) {
        found.licences = licences;
    }
    sheet.finish()
}

#[cfg(test)]
mod tests {
    use crate::catalogue::tests::check;

    #[test]
    fn gems_are_read() {
        let text = "# -*- encoding: utf-8 -*-\nGem::Specification.new do |s|\n  s.name = \"nokogiri\".freeze\n  s.version = \"1.15.4\"\n  s.platform = \"x86_64-linux\".freeze\n  s.licenses = [\"MIT\".freeze, 'Ruby']\nend\n";
        check(
            &[
                ("usr/lib/ruby/gems/3.1.0/specifications/nokogiri-1.15.4.gemspec", text),
                ("g/specifications/default/rake-13.0.6.gemspec", "Gem::Specification.new do |s|\n s.version = VERSION\n"),
                ("g/specifications/x.gemspec", ""),
            ],
            &[
                "pkg:gem/rake@13.0.6 g/specifications/default/rake-13.0.6.gemspec:0",
                "pkg:gem/x g/specifications/x.gemspec:0",
                "pkg:gem/nokogiri@1.15.4?platform=x86_64-linux usr/lib/ruby/gems/3.1.0/specifications/nokogiri-1.15.4.gemspec:3 licences MIT, Ruby",
            ],
            &["g/specifications/x.gemspec:0 gem `x` has no version!"],
        );
    }
}
