//! Recorded traffic of real CLIs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use copilot_session::{SessionEvent, SessionEventData};
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from("/work/shared/protocol/transcripts")
}

#[test]
fn every_recorded_event_decodes() {
    let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut bad: BTreeMap<String, usize> = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let version = name.split('-').next().unwrap().to_owned();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let msg = &line["msg"];
            let mut events = vec![];
            if msg["method"] == "session.event" { events.push(msg["params"]["event"].clone()); }
            if let Some(list) = msg["result"]["events"].as_array() { events.extend(list.iter().cloned()); }
            for json in events {
                if !json["type"].is_string() { continue }
                let event = SessionEvent::from_json(json.to_string()).unwrap();
                let c = counts.entry(version.clone()).or_default();
                match event.data() {
                    SessionEventData::Unrecognized(e) => { c[1] += 1; *bad.entry(format!("unrec {version} {}", e.kind)).or_default() += 1; }
                    SessionEventData::Malformed(e) => { c[2] += 1; *bad.entry(format!("MALFORMED {version} {} {}", e.kind, e.error)).or_default() += 1; }
                    _ => c[0] += 1,
                }
            }
        }
    }
    println!("{counts:#?}\n{bad:#?}");
}
