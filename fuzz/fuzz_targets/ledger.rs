//! Any bytes as an export, as a receipt, a checkpoint and a DSSE envelope.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_attest::dsse::Envelope;
use probity_attest::note::Checkpoint;
use probity_attest::statement::Statement;
use probity_ledger::{Against, VerifyOptions, open_tar, verify};

fuzz_target!(|data: &[u8]| {
    if let Ok(storage) = open_tar(data) {
        // Nobody can sign by chance: only the empty beginning of the seeds may hold up, and then it is the same bytes.
        let _held = verify(&storage, &VerifyOptions::default());
    }
    let _envelope = Envelope::parse(data);
    let _statement = Statement::of_record(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _against = Against::parse(text);
        let _checkpoint = Checkpoint::parse(text);
    }
});
