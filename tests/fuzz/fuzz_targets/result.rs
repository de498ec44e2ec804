//! The name of a type in the schema, a line break, and JSON for that type: a value that was read can be
//! written, and is the same when it is read again.
#![no_main]

#[allow(deprecated, reason = "every type is tried")]
#[path = "../../it/generated/round_trip.rs"]
mod round_trip;

use libfuzzer_sys::fuzz_target;
use round_trip::TABLE;

fuzz_target!(|text: &str| {
    let Some((place, json)) = text.split_once('\n') else { return };
    let Some((_, again)) = TABLE.iter().find(|(name, _)| *name == place) else { return };
    match again(json, false) {
        Ok(written) => assert_eq!(again(&written, false).expect("the written JSON"), written),
        Err(error) => assert!(error.path().starts_with('$')),
    }
});
