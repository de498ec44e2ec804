//! Every generated type, read and written again with samples of its schema.

#[allow(deprecated, reason = "every type is tried")]
#[rustfmt::skip]
pub mod round_trip;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use copilot_session::types::{
    AbortData, AbortReason, Attachment, AttachmentFile, EnqueueCommandResult, SendMode, SendRequest,
};
use copilot_session::wire;
use copilot_session::{SessionEvent, SessionEventData};
use copilot_session_tests::sample::{Sample, Schemas, Spot, Step, What, step_into};
use serde_json::{Value, json};

use round_trip::{Again, TABLE};

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(Schemas::read);

/// Each place in the table with its samples.
static SAMPLES: LazyLock<Vec<(&str, Again, Vec<Sample>)>> =
    LazyLock::new(|| TABLE.iter().map(|(place, again)| (*place, *again, SCHEMAS.of_place(place))).collect());

/// A string that no enum lists.
const UNHEARD: &str = "of the future";

/// JSON for a type, and the expected outcome.
struct Case {
    about: String,
    json: Value,
    expected: Expected,
}

/// The expected outcome of reading and writing changed JSON.
#[derive(Debug)]
enum Expected {
    /// The JSON that is written.
    Json(Value),
    /// The JSON that is written, which may lack keys whose value is `null`.
    Part(Value),
    /// An error at this JSON path.
    Error(String),
    /// An error at this path, or part of this JSON if a union reads it as another variant.
    ErrorOr(String, Value),
}

#[test]
fn every_place_has_a_type() {
    let table: BTreeSet<&str> = TABLE.iter().map(|(place, _)| *place).collect();
    assert_eq!(table.len(), TABLE.len(), "the table has a place twice");
    let places = SCHEMAS.places();
    let difference: Vec<_> = table.symmetric_difference(&places).collect();
    assert!(difference.is_empty(), "only in the table or only in the schemas: {difference:?}");
}

#[test]
fn every_type_writes_what_it_reads() {
    check(|sample| vec![as_it_is(sample)]);
}

/// CLIs up to 1.0.84-4 accept a command without an id, which distinguishes the variant on 1.0.102.
#[test]
fn an_older_answer_is_the_variant_it_means() {
    for (json, id) in [(r#"{"queued":true}"#, None), (r#"{"queued":true,"queueId":"1"}"#, Some("1"))] {
        match wire::from_json::<EnqueueCommandResult>(json) {
            Ok(EnqueueCommandResult::Accepted(accepted)) => assert_eq!(accepted.queue_id.as_deref(), id),
            other => panic!("{json} is {other:?}"),
        }
    }
}

#[test]
fn every_event_is_read() {
    let types: BTreeSet<&str> = SessionEventData::TYPES.iter().copied().collect();
    let mut seen = BTreeSet::new();
    for (kind, samples) in SCHEMAS.events() {
        seen.insert(kind);
        for sample in samples {
            let json = json!({"type": kind, "id": "1", "timestamp": "", "data": sample.json}).to_string();
            let event = SessionEvent::from_json(json).expect("an event");
            match event.data() {
                SessionEventData::Unrecognized(_) => panic!("{kind} is not recognised"),
                SessionEventData::Malformed(event) => panic!("{kind}: {} in {}", event.error, sample.json),
                data => assert_eq!(data.kind(), kind),
            }
        }
    }
    assert_eq!(seen, types);
}

#[test]
fn new_keys_are_ignored_and_new_values_kept() {
    check_changes(|sample, spot| match spot.what {
        // An unknown key is ignored.
        What::Record { open: false } => {
            let json = sample.with(spot, |value| value["new key"] = json!({"deep": [1]}));
            Some((json, Expected::Json(sample.json.clone())))
        }
        What::Enum => {
            let json = sample.with(spot, |value| *value = json!(UNHEARD));
            Some((json.clone(), Expected::Json(json)))
        }
        // All other constants and enums of the object change as well, as any of them may distinguish the
        // variant.
        What::Tag => {
            let mut json = sample.json.clone();
            let tags = sample.spots.iter().filter(|other| matches!(other.what, What::Tag | What::Enum));
            let beside = tags.filter(|other| !other.at.is_empty() && other.parent() == spot.parent());
            beside.for_each(|tag| *tag.value(&mut json) = json!(UNHEARD));
            Some((json.clone(), Expected::Json(json)))
        }
        _ => None,
    });
}

#[test]
fn null_for_an_optional_key_is_its_absence() {
    check_changes(|sample, spot| match spot.what {
        What::Key { required: false, nullable } => {
            let json = sample.with(spot, |value| *value = Value::Null);
            // Where the schema allows null, the two may differ.
            let expected =
                if nullable { Expected::Part(json.clone()) } else { Expected::Json(without(sample, spot)) };
            Some((json, expected))
        }
        _ => None,
    });
}

#[test]
fn whole_floats_are_integers() {
    check_changes(|sample, spot| match spot.what {
        What::Integer => {
            let json = sample.with(spot, |value| *value = json!(7.0));
            Some((json, Expected::Json(sample.json.clone())))
        }
        What::Number => {
            let json = sample.with(spot, |value| *value = json!(3));
            Some((json.clone(), Expected::Json(json)))
        }
        _ => None,
    });
}

#[test]
fn a_mismatch_is_an_error_at_its_path() {
    check_changes(|sample, spot| {
        let json = match spot.what {
            What::Key { required: true, nullable: false } if !is_constant(sample, spot) => {
                without(sample, spot)
            }
            // A tag of another value is another variant.
            What::Key { .. } | What::Tag => return None,
            What::Constant => sample.with(spot, |value| match value {
                Value::Bool(flag) => *flag = !*flag,
                other => *other = json!(UNHEARD),
            }),
            What::Text | What::Enum => sample.with(spot, |value| *value = json!(1)),
            What::Integer | What::Number | What::Flag => sample.with(spot, |value| *value = json!("text")),
            What::List => sample.with(spot, |value| *value = json!({})),
            What::Map | What::Record { .. } => sample.with(spot, |value| *value = json!([])),
        };
        let path = spot.path();
        let expected =
            if spot.in_union { Expected::ErrorOr(path, json.clone()) } else { Expected::Error(path) };
        Some((json, expected))
    });
}

/// Tries the change of each spot of each sample.
fn check_changes(change: impl Fn(&Sample, &Spot) -> Option<(Value, Expected)>) {
    check(|sample| {
        let case = |spot: &Spot| {
            let (json, expected) = change(sample, spot)?;
            Some(Case { about: format!("{} {:?}", spot.path(), spot.what), json, expected })
        };
        sample.spots.iter().filter_map(case).collect()
    });
}

/// Tries the cases of each sample of each place, and reports the first failure of each place.
fn check(cases: impl Fn(&Sample) -> Vec<Case>) {
    let (mut count, mut wrong) = (0, BTreeMap::new());
    for (place, again, samples) in SAMPLES.iter() {
        for case in samples.iter().flat_map(&cases) {
            count += 1;
            if let Err(problem) = compare(*again, &case) {
                wrong.entry(place).or_insert_with(|| format!("{place}, {}: {problem}", case.about));
            }
        }
    }
    assert!(count > 0, "no case");
    eprintln!("{count} cases");
    let shown: Vec<String> = wrong.values().take(20).cloned().collect();
    assert!(wrong.is_empty(), "{} of {} places are wrong:\n{}", wrong.len(), TABLE.len(), shown.join("\n"));
}

/// Compares the outcome of a case with the expected one.
fn compare(again: Again, case: &Case) -> Result<(), String> {
    match (again(&case.json.to_string(), false), &case.expected) {
        (Err(error), Expected::Error(path) | Expected::ErrorOr(path, _)) if error.path() == path => Ok(()),
        (Err(error), expected) => Err(format!("{error}, not {expected:?}")),
        (Ok(json), Expected::Error(path)) => Err(format!("no error at {path} but {json}")),
        (Ok(json), Expected::Json(expected) | Expected::Part(expected) | Expected::ErrorOr(_, expected)) => {
            let json = serde_json::from_str(&json).map_err(|error| format!("{error} in {json}"))?;
            let whole = matches!(case.expected, Expected::Json(_));
            difference("$", expected, &json, whole).map_or(Ok(()), Err)
        }
    }
}

/// The first difference between two JSON values; a missing key is one only if `whole`.
fn difference(path: &str, expected: &Value, actual: &Value, whole: bool) -> Option<String> {
    let (Value::Object(one), Value::Object(other)) = (expected, actual) else {
        return (expected != actual).then(|| format!("at {path}, {actual} and not {expected}"));
    };
    let lost = one.keys().find(|key| whole && !other.contains_key(*key));
    let made_up = other.keys().find(|key| !one.contains_key(*key));
    let differs = || {
        other
            .iter()
            .find_map(|(key, actual)| difference(&format!("{path}.{key}"), one.get(key)?, actual, whole))
    };
    let lost = lost.map(|key| format!("{path}.{key} is lost"));
    lost.or_else(|| made_up.map(|key| format!("{path}.{key} is made up"))).or_else(differs)
}

fn as_it_is(sample: &Sample) -> Case {
    let json = &sample.json;
    Case { about: json.to_string(), json: json.clone(), expected: Expected::Json(json.clone()) }
}

/// The sample's JSON without the key at `spot`.
fn without(sample: &Sample, spot: &Spot) -> Value {
    let mut json = sample.json.clone();
    if let (Some(Step::Key(key)), Value::Object(object)) =
        (spot.at.last(), step_into(&mut json, spot.parent()))
    {
        object.remove(key);
    }
    json
}

fn is_constant(sample: &Sample, spot: &Spot) -> bool {
    sample.spots.iter().any(|other| other.at == spot.at && matches!(other.what, What::Constant | What::Tag))
}

/// Values are equal if they are written as the same JSON.
#[test]
fn equality() {
    let request = |prompt: &str| SendRequest::new(prompt).mode(SendMode::Immediate);
    assert_eq!(request("one"), request("one"));
    assert_ne!(request("one"), request("two"));
    assert_ne!(request("one"), SendRequest::new("one"));
    let file = || Attachment::File(AttachmentFile::new("/a", "a"));
    assert_eq!(file(), file());
    assert_ne!(file(), Attachment::File(AttachmentFile::new("/b", "b")));
    let unheard = |text: &str| Attachment::Unrecognized(json!({"type": UNHEARD, "text": text}));
    assert_eq!(unheard("one"), unheard("one"));
    assert_ne!(unheard("one"), unheard("two"));
    assert_ne!(unheard("one"), file());
}

/// `{:#?}` has a line for each key.
#[test]
fn debug_over_lines() {
    let shown = format!("{:#?}", AttachmentFile::new("/a", "a, {b}"));
    let expected = "AttachmentFile {\n    \"type\": \"file\",\n    \"path\": \"/a\",\n    \"displayName\": \"a, {b}\"\n}";
    assert_eq!(shown, expected);
}

/// A string enum is printed and parsed as it stands on the wire, and is a key of maps.
#[test]
fn string_enums() {
    for (text, mode) in
        [("immediate", SendMode::Immediate), (UNHEARD, SendMode::Unrecognized(UNHEARD.to_owned()))]
    {
        assert_eq!(mode.to_string(), text);
        assert_eq!(text.parse(), Ok(mode));
    }
    assert_eq!(format!("{:>8}", SendMode::Enqueue), " enqueue");
    let modes = HashSet::from([SendMode::Enqueue, SendMode::Immediate]);
    assert!(modes.contains(&SendMode::Unrecognized("enqueue".to_owned())), "the same on the wire");
}

/// A string enum lists its values and compares with text.
#[test]
fn string_enums_and_text() {
    assert_eq!(SendMode::VALUES, ["enqueue", "immediate"]);
    for value in SendMode::VALUES {
        assert!(!matches!(SendMode::from(*value), SendMode::Unrecognized(_)), "{value} is known");
    }
    let mode = SendMode::from(UNHEARD.to_owned());
    assert_eq!(mode, UNHEARD);
    assert!(mode == *UNHEARD && mode != SendMode::Enqueue.as_ref());
}

/// A union is made of the content of a variant, and what only the CLI makes of nothing.
#[test]
fn conversions() {
    let file = AttachmentFile::new("/a", "a");
    assert_eq!(Attachment::from(file.clone()), Attachment::File(file));
    let mut data = AbortData::default();
    assert_eq!(data.reason, "");
    data.reason = AbortReason::UserInitiated;
    assert_eq!(wire::to_json(&data), r#"{"reason":"user_initiated"}"#);
}
