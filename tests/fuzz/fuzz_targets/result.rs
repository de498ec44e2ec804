//! A type's name in the schema, a line's end, and JSON to read as that type: what is read can be written,
//! and says the same when it is read again.
#![no_main]

use copilot_session::round_trip::TABLE;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some((place, json)) = text.split_once('\n') else { return };
    let Some((_, again)) = TABLE.iter().find(|(name, _)| *name == place) else { return };
    match again(json, false) {
        Ok(written) => assert_eq!(again(&written, false).expect("what was written"), written),
        Err(error) => assert!(error.path().starts_with('$')),
    }
});
