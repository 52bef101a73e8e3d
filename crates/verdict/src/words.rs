//! Small helpers for messages: the nearest known word, lists of names.

/// Longest word compared; a longer one is nobody's typing mistake.
const LONGEST: usize = 64;

/// Number of letters to insert, delete or change to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let change = diagonal + usize::from(x != *y);
            diagonal = *cell;
            *cell = change.min(diagonal + 1).min(left + 1);
            left = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// The known word nearest to `word`, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    if letters > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .into_iter()
        .filter(|candidate| candidate.chars().count() <= LONGEST)
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(far, _)| *far <= (letters / 2).max(2))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and 3 more: at most `most` names in backticks.
pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let all: Vec<&str> = names.into_iter().collect();
    let mut out = all.iter().take(most).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if all.len() > most {
        out.push_str(&format!(" and {} more", all.len() - most));
    }
    out
}

/// `1 finding`, `2 findings`.
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word() {
        let check = |word: &str, expected: Option<&str>| assert_eq!(nearest(word, ["red_at", "yellow_at", "unknown"]), expected, "{word}");
        check("red-at", Some("red_at"));
        check("redat", Some("red_at"));
        check("YELLOW_AT", Some("yellow_at"));
        check("unkown", Some("unknown"));
        check("something else", None);
        check(&"x".repeat(10_000), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }

    #[test]
    fn lists() {
        assert_eq!(names(["a", "b", "c"], 2), "`a`, `b` and 1 more");
        assert_eq!(count(1, "finding"), "1 finding");
        assert_eq!(count(0, "finding"), "0 findings");
    }
}
