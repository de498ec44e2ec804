//! Numbers, of which JSON has more than Rust.

use copilot_session::types::AssistantUsageData;
use copilot_session::{SessionEvent, SessionEventData, wire};
use serde_json::Value;

use super::{arguments, with_arguments};

/// Numbers that fit into 64 bits are decoded exactly, in every place.
#[test]
fn any_json_holds_its_numbers() {
    let cases: [(&str, Value); 14] = [
        ("0", 0.into()),
        ("-1", (-1).into()),
        ("9223372036854775807", i64::MAX.into()),
        ("-9223372036854775808", i64::MIN.into()),
        ("18446744073709551615", u64::MAX.into()),
        ("1.5", 1.5.into()),
        ("1.50", 1.5.into()),
        ("3.0", 3.0.into()),
        ("-0.0", (-0.0).into()),
        ("1e2", 100.0.into()),
        ("1E+21", 1e21.into()),
        ("5e-324", 5e-324.into()),
        ("1e-400", 0.0.into()),
        ("1.7976931348623157e308", f64::MAX.into()),
    ];
    for (text, expected) in cases {
        let event = with_arguments(&format!(r#"{{"n":[{text}]}}"#));
        let read = arguments(&event).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(read["n"][0], expected, "{text}");
        assert!(event.raw_data().contains(&format!("[{text}]")), "{}", event.raw_data());
    }
}

/// Any JSON can be deserialized as a user's type with numbers.
#[test]
fn any_json_is_deserialized() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(untagged)]
    enum Number {
        Whole(i64),
        Fraction(f64),
    }
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Given {
        n: Vec<Number>,
    }
    let event = with_arguments(r#"{"n":[1,-2,1.50,1e21]}"#);
    let given: Given = serde_json::from_value(arguments(&event).expect("arguments")).expect("numbers");
    let expected = vec![Number::Whole(1), Number::Whole(-2), Number::Fraction(1.5), Number::Fraction(1e21)];
    assert_eq!(given, Given { n: expected });
}

/// A number beyond 64 bits is not silently rounded: it differs only where serde_json does so.
#[test]
fn numbers_beyond_64_bits() {
    let large = "123456789012345678901234567890";
    let event = with_arguments(large);
    let read = arguments(&event).expect("a number");
    assert_eq!(read.as_f64(), Some(1.2345678901234568e29));
    assert!(event.raw_data().contains(large));
    let beyond = with_arguments(r#"{"n":[1e400]}"#);
    match arguments(&beyond) {
        // Only `arbitrary_precision` has a value for it.
        Ok(value) => assert_eq!(value["n"][0].to_string().replace('+', ""), "1e400"),
        Err(error) => {
            assert!(error.contains("$.toolRequests[0].arguments.n[0]"), "{error}");
            assert!(error.contains("found 1e400"), "{error}");
        }
    }
    assert!(beyond.raw_data().contains("1e400"));
}

/// A number in an unknown key does no harm.
#[test]
fn a_number_that_is_passed_over() {
    let json =
        r#"{"type":"assistant.usage","data":{"model":"m","cost":1.5,"unknown":-1e400,"duration":2.5e3}}"#;
    let event = SessionEvent::from_json(json).expect("an event");
    match event.data() {
        SessionEventData::AssistantUsage(usage) => {
            assert_eq!((usage.cost, usage.duration), (Some(1.5), Some(2500)));
        }
        other => panic!("{other:?}"),
    }
}

/// Numbers in typed fields.
#[test]
fn typed_numbers() {
    let whole = |text: &str| wire::from_json::<i64>(text);
    for (text, expected) in [
        ("0", 0),
        ("-0", 0),
        ("-0.0", 0),
        ("3.0", 3),
        ("1e3", 1000),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ] {
        assert_eq!(whole(text).ok(), Some(expected), "{text}");
    }
    for text in ["1.5", "9223372036854775808", "18446744073709551615", "1e19", "1e400", "\"1\"", "null"] {
        assert!(whole(text).is_err(), "{text}");
    }
    for (text, expected) in [("-0.0", -0.0), ("9007199254740993", 9007199254740992.0), ("1e-400", 0.0)] {
        let read: f64 = wire::from_json(text).expect("a number");
        assert_eq!(read.to_bits(), f64::to_bits(expected), "{text}");
    }
    let error = wire::from_json::<f64>("1e400").expect_err("no number of 64 bits");
    assert_eq!(error.to_string(), "at $: expected a number of 64 bits, found 1e400");
    let long = wire::from_json::<i64>(&"9".repeat(100_000)).expect_err("no number of 64 bits");
    assert!(long.to_string().len() < 300, "{long}");
}

/// serde writes the same numbers as the type itself, by every serializer.
#[test]
fn numbers_through_serde() {
    let json = r#"{"model":"m","cost":1.5,"duration":2500,"inputTokens":7}"#;
    let usage: AssistantUsageData = serde_json::from_str(json).expect("an event's data");
    assert_eq!((usage.cost, usage.duration, usage.input_tokens), (Some(1.5), Some(2500), Some(7)));
    assert_eq!(serde_json::to_string(&usage).expect("JSON"), wire::to_json(&usage));
    let value = serde_json::to_value(&usage).expect("JSON");
    assert_eq!((&value["cost"], &value["inputTokens"]), (&1.5.into(), &7.into()));
    // TOML accepts numbers, and no struct in their place.
    let written = toml::to_string(&usage).expect("TOML");
    assert!(written.contains("cost = 1.5") && written.contains("inputTokens = 7"), "{written}");
}
