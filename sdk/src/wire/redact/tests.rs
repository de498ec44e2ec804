use super::*;

#[test]
fn text_keeps_no_secrets() {
    for (text, expected) in [
        ("see http://a.b/c?d=e#f and ftp://x", "see http://a.b/c?d=e#f and ftp://x"),
        ("https://user:pass@a.b/c", "https://[redacted]@a.b/c"),
        ("user:pass@a.b/c", "[redacted]@a.b/c"),
        (
            "'https://a.b?key=1&x=2&access_token=3#f'",
            "'https://a.b?key=[redacted]&x=2&access_token=[redacted]#f'",
        ),
        ("x/y?api_key=S1&b", "x/y?api_key=[redacted]&b"),
        ("https://a.b/mail@c and u@d://e@", "https://a.b/mail@c and u@d://[redacted]@"),
        ("://", "://"),
        ("Authorization: Bearer abcdefgh", "Authorization: [redacted]"),
        ("-H 'Authorization: token abc' -v", "-H 'Authorization: [redacted]' -v"),
        ("it is Bearer abcdefgh.", "it is Bearer [redacted]"),
        ("Basic dXNlcjpwYXNz and Basic instructions", "Basic [redacted] and Basic instructions"),
        ("run --api-key S1 --token=S2 -v", "run --api-key [redacted] --token=[redacted] -v"),
        ("run --password \"a b\" -v", "run --password \"[redacted]\" -v"),
        ("curl -u me:S1 http://a", "curl -u [redacted] http://a"),
        ("API_KEY=S1 GITHUB_TOKEN=S2 run", "API_KEY=[redacted] GITHUB_TOKEN=[redacted] run"),
        ("{\\\"access_token\\\":\\\"S1\\\"}", "{\\\"access_token\\\":\\\"[redacted]\\\"}"),
        ("data: {\"a\":1,\"password\": \"S1\"", "data: {\"a\":1,\"password\": \"[redacted]\""),
        ("data: {\"token\": {\"a\": \"S1\"}}\nx", "data: {\"token\":{\"a\":\"[redacted]\"}}\nx"),
        ("gitHubToken: Expected string, got number", "gitHubToken: Expected string, got number"),
        ("password: hunter2", "password: [redacted]"),
        ("password: swordfish, it is", "password: [redacted], it is"),
        ("token: sixteen", "token: [redacted]"),
        (
            "inputTokens: 5, tokens=7, Token::new, token://x",
            "inputTokens: 5, tokens=[redacted], Token::new, token://x",
        ),
        ("ghp_0123456789abcdef0123", "[redacted]"),
        (
            "-----BEGIN PRIVATE KEY-----\nS1\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----[redacted]-----END PRIVATE KEY-----",
        ),
        ("token: abc123, PRIVATE KEY-----\nS1", "token: [redacted], PRIVATE KEY-----[redacted]"),
        ("a: S1\n-----END PRIVATE KEY-----\nb", "a:[redacted]-----END PRIVATE KEY-----\nb"),
        ("PRIVATE KEY-----END PRIVATE KEY-----END", "PRIVATE KEY-----[redacted]-----END"),
        ("is \"-----END PRIVATE KEY-----\"", "is \"-----END PRIVATE KEY-----\""),
        ("x {\"env\":{\"A\":\"S1\nS2\"}}", "x {\"env\":{\"A\":\"[redacted]\"}}"),
        ("pässwörd: ö, tökén=é", "pässwörd: ö, tökén=é"),
        ("token=ö\u{1f980}é, x", "token=[redacted], x"),
        ("Cookie: a=b; c=d\r\nx", "Cookie: [redacted]\r\nx"),
        ("token=", "token="),
        ("token", "token"),
    ] {
        assert_eq!(super::text(text), expected, "of {text}");
    }
}

#[test]
fn json_keeps_no_secrets() {
    for (text, expected) in [
        (
            r#"{"apiKey":"S","token":1,"inputTokens":5,"tokens":["S",5]}"#,
            r#"{"apiKey":"[redacted]","token":"[redacted]","inputTokens":5,"tokens":["[redacted]",5]}"#,
        ),
        (r#"{"token":"S","token":"\ud800"}"#, r#"{"token":"[redacted]","token":"[redacted]"}"#),
        (r#"{"a":"\ud800\ud83e\udd80\n","b":true}"#, r#"{"a":"�🦀\n","b":true}"#),
        (
            r#"{"headers":{"X":"S","N":1},"env":[["A","S"]]}"#,
            r#"{"headers":{"X":"[redacted]","N":1},"env":[["[redacted]","[redacted]"]]}"#,
        ),
        (
            r#"{"headers":[{"name":"Accept","value":"S"},{"name":"S","value":"S"}]}"#,
            r#"{"headers":[{"name":"Accept","value":"[redacted]"},{"name":"[redacted]","value":"[redacted]"}]}"#,
        ),
        (r#"{"args":["--api-key","S","-v"]}"#, r#"{"args":["--api-key","[redacted]","-v"]}"#),
        (r#"{"environmentVariables":["A","B=S"]}"#, r#"{"environmentVariables":["A","B=[redacted]"]}"#),
        (r#"{"secret":{"of":["S",null,true]}}"#, r#"{"secret":{"of":["[redacted]",null,true]}}"#),
        (r#"{"body":"{\"token\":\"S\", \"b\": 1}"}"#, r#"{"body":"{\"token\":\"[redacted]\",\"b\":1}"}"#),
        (r#"{"body":"{ \"b\": 1 }", "c" : [ ] }"#, r#"{"body":"{ \"b\": 1 }","c":[]}"#),
        (r#"{"https://u:p@a":1}"#, r#"{"https://[redacted]@a":1}"#),
        (
            r#"[{"name":"apiKey","value":"S"},{"name":"x","value":"y"}]"#,
            r#"[{"name":"apiKey","value":"[redacted]"},{"name":"x","value":"y"}]"#,
        ),
        ("no JSON", "no JSON"),
        (r#"{"a":[1,],"token":"S"}"#, r#"{"a":[1,],"token":"[redacted]"}"#),
    ] {
        assert_eq!(super::json(text), expected, "of {text}");
    }
}

#[test]
fn depth_costs_no_stack() {
    let (deep, levels) = if cfg!(miri) { (1_000, 4) } else { (200_000, 12) };
    let json = format!(r#"{{"x":{}{},"token":"S"}}"#, "[".repeat(deep), "]".repeat(deep));
    let redacted = super::json(&json);
    assert!(redacted.ends_with(r#""token":"[redacted]"}"#));
    let mut text = r#"{"token":"S"}"#.to_owned();
    for _ in 0..levels {
        text = format!("{{\"a\":{}}}", serde_json::Value::from(text));
    }
    assert!(!super::json(&text).contains('S'));
}

#[test]
fn a_redacted_secret_is_remembered() {
    let mut redactor = Redactor::remembering(Known::default());
    let mut redact = |json: &str| redactor.messages(json, &mut |_, _| Message::default()).expect("JSON").0;
    let first = r#"{"apiKey":"sk-\"12345678","authorization":"Bearer abcdefgh","token":"short"}"#;
    assert_eq!(redact(first), r#"{"apiKey":"[redacted]","authorization":"[redacted]","token":"[redacted]"}"#);
    let later = r#"["it is sk-\"12345678","{\"it\":\"sk-\\\"12345678\"}","abcdefgh!","short"]"#;
    assert_eq!(redact(later), r#"["it is [redacted]","{\"it\":\"[redacted]\"}","[redacted]!","short"]"#);
    assert_eq!(redact(r#"{"abcdefgh":"YWJjZGVmZ2g="}"#), r#"{"[redacted]":"[redacted]g="}"#);
}

/// Any combination of meaningful pieces is handled without a panic, and JSON stays JSON.
#[test]
fn any_text_is_taken() {
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        ":",
        "=",
        ",",
        " ",
        "\n",
        "'",
        "://",
        "@",
        "?",
        "&",
        "%20",
        "--api-key",
        "-u",
        "token",
        "Bearer",
        "Basic",
        "Authorization",
        "headers",
        "env",
        "name",
        "value",
        "ö",
        "\u{1f980}",
        "\\u00e9",
        "\\ud800",
        "\\\"",
        "-----BEGIN PRIVATE KEY-----",
        "-----END",
        "ghp_0123456789abcdef0123",
        "1234567",
        "null",
        "\u{1}",
        "S3CRET-öß",
        ">",
        "\\n",
    ];
    let mut state = 7_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let rounds = if cfg!(miri) { 10 } else { 4_000 };
    let mut redactor = Redactor::remembering(Known::default());
    for _ in 0..rounds {
        let text: String = (0..next(24)).map(|_| PIECES[next(PIECES.len())]).collect();
        let quoted = serde_json::Value::from(text.as_str()).to_string();
        for json in
            [text.clone(), format!("{{\"token\":{quoted},{quoted}:{quoted}}}"), format!("[{quoted},{text}]")]
        {
            let shown = super::json(&json);
            assert!(!is_json(&json) || is_json(&shown), "{json} became {shown}");
            if let Some((shown, _)) = redactor.messages(&json, &mut |_, _| Message::default()) {
                assert!(is_json(&shown), "{json} became {shown}");
            }
        }
        super::text(&text);
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde_core::de::IgnoredAny>(text).is_ok()
}

/// The cost of a text does not grow with the square of its size.
#[test]
fn hostile_text_costs_little() {
    let count = if cfg!(miri) { 100 } else { 100_000 };
    for text in [" ".repeat(count) + &"{\"".repeat(count), "token=[".repeat(count)] {
        assert_eq!(super::text(&text), text);
    }
}
