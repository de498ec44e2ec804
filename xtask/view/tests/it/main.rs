//! The tests of the viewer.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use copilot_session_view::write_page;
use serde_json::{Value, json};

#[cfg(feature = "_browser")]
mod browser; // the page in Chromium
mod clients; // logs of several clients
mod drawings; // what is drawn of real logs
mod large; // the limits of the page
mod logs; // logs of real CLIs, and files that are none
#[cfg(feature = "_browser")]
mod look; // its look, and its use without a mouse or a screen

/// The recordings by name.
fn recordings() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings");
    let mut all = BTreeMap::new();
    for folder in [folder.clone(), folder.join("turns")] {
        let entries =
            fs::read_dir(folder).expect("the recordings").map(|entry| entry.expect("an entry").path());
        for path in entries.filter(|path: &PathBuf| path.extension().is_some_and(|ending| ending == "jsonl"))
        {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            all.insert(name, fs::read(path).expect("a recording"));
        }
    }
    assert!(all.len() > 100, "{} recordings", all.len());
    all
}

fn recording(name: &str) -> Vec<u8> {
    recordings().remove(name).expect("a recording")
}

/// A page, and its blocks of data by id.
fn page(log: &[u8]) -> (String, BTreeMap<String, String>) {
    let mut page = Vec::new();
    write_page("bug.jsonl", log, &mut page).expect("a page");
    let page = String::from_utf8(page).expect("text");
    let blocks = page.split("<script type=\"text/plain\" id=\"").skip(1).map(|rest| {
        let (id, rest) = rest.split_once("\">").expect("an id");
        let (packed, _) = rest.split_once("</script>").expect("an end");
        let packed = base64::engine::general_purpose::STANDARD.decode(packed).expect("base64");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*packed).read_to_string(&mut text).expect("gzip");
        (id.to_owned(), text)
    });
    let blocks = blocks.collect();
    (page, blocks)
}

fn index(blocks: &BTreeMap<String, String>) -> Value {
    serde_json::from_str(&blocks["index"]).expect("JSON")
}

/// All drawings, and parts of drawings.
fn drawings(blocks: &BTreeMap<String, String>) -> Vec<String> {
    let blocks = (0..).map_while(|number| blocks.get(&format!("drawings-{number}")));
    blocks.flat_map(|block| serde_json::from_str::<Vec<String>>(block).expect("texts")).collect()
}

/// All that is drawn of a turn.
fn turn(blocks: &BTreeMap<String, String>, number: usize) -> String {
    let turn = &index(blocks)["turns"][number];
    let [first, rest] = ["first", "rest"].map(|key| turn[key].as_u64().expect("a number") as usize);
    let drawings = drawings(blocks);
    drawings[rest].clone() + &drawings[first..rest].concat()
}

/// A line with an event of session `s`, so many milliseconds after the start of 2026.
fn event_at(millis: u64, kind: &str, data: Value) -> String {
    let seconds = millis / 1000;
    let [hour, minute, second] = [seconds / 3600, seconds / 60 % 60, seconds % 60];
    let timestamp = format!("2026-01-01T{hour:02}:{minute:02}:{second:02}.{:03}Z", millis % 1000);
    let event = json!({"type": kind, "id": format!("{kind} {millis}"), "timestamp": timestamp, "data": data});
    let params = json!({"sessionId": "s", "event": event});
    json!({"t_ms": millis, "dir": "server", "msg": {"method": "session.event", "params": params}}).to_string()
}
