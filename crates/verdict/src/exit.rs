//! Exit codes. 0 green or done, 1 red (or yellow without the acceptance it needs), 2 wrong use or configuration, 3 could not decide
//! or could not record, 4 nothing to look at.

use probity_core::{Colour, Verdict};

/// What was run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Run {
    /// `gate`.
    Gate,
    /// `gate --observe`: everything is done and recorded, nothing blocks.
    Observe,
    /// `scan`: finds and prints.
    Scan,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome<'a> {
    /// The command line or the configuration was wrong; nothing was judged.
    pub wrong_use: bool,
    /// The verdict of a gate.
    pub verdict: Option<&'a Verdict>,
    /// Something that fails closed could not be read or evaluated (what a scan has in place of a verdict).
    pub incomplete: bool,
    /// The record that had to be written could not be.
    pub unrecorded: bool,
    /// No subject and no file that anybody claims.
    pub nothing: bool,
}

/// The exit code of a run.
#[must_use]
pub fn exit_code(run: Run, outcome: &Outcome<'_>) -> u8 {
    if outcome.wrong_use {
        return 2;
    }
    let colour = outcome.verdict.map(|verdict| verdict.colour);
    let undecided = match run {
        Run::Gate | Run::Observe => !matches!(colour, Some(Some(_))),
        Run::Scan => outcome.incomplete,
    };
    match run {
        Run::Gate if colour == Some(Some(Colour::Red)) => 1,
        // Without its record, or without a verdict, nothing is green.
        _ if undecided || outcome.unrecorded => 3,
        Run::Gate if !outcome.verdict.is_some_and(|verdict| verdict.permitted) => 1,
        Run::Observe => 0,
        Run::Gate | Run::Scan if outcome.nothing => 4,
        Run::Gate | Run::Scan => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_core::Counts;

    fn verdict(colour: Option<Colour>, permitted: bool) -> Verdict {
        Verdict { colour, permitted, because: vec![], notes: vec![], counts: Counts::default() }
    }

    #[test]
    fn the_whole_table() {
        let green = verdict(Some(Colour::Green), true);
        let passed = verdict(Some(Colour::Yellow), true);
        let blocked = verdict(Some(Colour::Yellow), false);
        let red = verdict(Some(Colour::Red), false);
        let undecided = verdict(None, false);
        let none = Outcome::default();
        let check = |run: Run, outcome: Outcome<'_>, expected: u8| assert_eq!(exit_code(run, &outcome), expected, "{run:?} {outcome:?}");
        let of = |verdict| Outcome { verdict: Some(verdict), ..none };

        for (verdict, gate, gate_unrecorded, observe, observe_unrecorded) in
            [(&green, 0, 3, 0, 3), (&passed, 0, 3, 0, 3), (&blocked, 1, 3, 0, 3), (&red, 1, 1, 0, 3), (&undecided, 3, 3, 3, 3)]
        {
            check(Run::Gate, of(verdict), gate);
            check(Run::Gate, Outcome { unrecorded: true, ..of(verdict) }, gate_unrecorded);
            check(Run::Observe, of(verdict), observe);
            check(Run::Observe, Outcome { unrecorded: true, ..of(verdict) }, observe_unrecorded);
            for run in [Run::Gate, Run::Observe, Run::Scan] {
                check(run, Outcome { wrong_use: true, unrecorded: true, nothing: true, ..of(verdict) }, 2);
            }
        }
        check(Run::Gate, none, 3);
        check(Run::Observe, none, 3);
        check(Run::Scan, none, 0);

        let nothing = |verdict| Outcome { nothing: true, ..of(verdict) };
        check(Run::Gate, nothing(&green), 4);
        check(Run::Gate, nothing(&passed), 4);
        check(Run::Gate, nothing(&blocked), 1);
        check(Run::Gate, nothing(&red), 1);
        check(Run::Gate, nothing(&undecided), 3);
        check(Run::Gate, Outcome { unrecorded: true, ..nothing(&green) }, 3);
        check(Run::Observe, nothing(&green), 0);

        check(Run::Scan, Outcome { nothing: true, ..none }, 4);
        check(Run::Scan, Outcome { incomplete: true, ..none }, 3);
        check(Run::Scan, Outcome { incomplete: true, nothing: true, ..none }, 3);
    }

    #[test]
    fn each_verb_keeps_to_its_codes() {
        let verdicts = [
            verdict(Some(Colour::Green), true),
            verdict(Some(Colour::Yellow), true),
            verdict(Some(Colour::Yellow), false),
            verdict(Some(Colour::Red), false),
            verdict(None, false),
        ];
        for (run, allowed) in [(Run::Gate, &[0, 1, 2, 3, 4][..]), (Run::Observe, &[0, 2, 3]), (Run::Scan, &[0, 2, 3, 4])] {
            for one in verdicts.iter().map(Some).chain([None]) {
                for bits in 0_u8..16 {
                    let bit = |at: u8| bits & (1 << at) != 0;
                    let outcome = Outcome { wrong_use: bit(0), verdict: one, incomplete: bit(1), unrecorded: bit(2), nothing: bit(3) };
                    let code = exit_code(run, &outcome);
                    assert!(allowed.contains(&code), "{run:?} {code}");
                    let green = one.is_some_and(|verdict| verdict.permitted);
                    assert!(run != Run::Gate || code != 0 || green, "a gate gives 0 only with a permit");
                }
            }
        }
    }
}
