//! Messages that are no JSON, or JSON of an unexpected kind: they are reported or answered, and never end the
//! connection.

use copilot_session::methods::client::{SessionFsReadFile, UserInputRequest};
use copilot_session::testing::FakeCli;
use copilot_session::types::{LogRequest, SessionFsReadFileResult, UserInputResult};
use copilot_session::{Client, Error, SessionEventData};
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive, next};

/// A session in which the content of each file is its path.
async fn reading() -> Rig {
    Rig::with(|session| {
        session
            .approve_all()
            .handle::<SessionFsReadFile>(async |request, _| Ok(SessionFsReadFileResult::new(request.path)))
    })
    .await
}

impl Rig {
    /// Sends a message as it is, with the session's id in place of SESSION.
    fn say(&self, message: &str) {
        self.fake.frame(&message.replace("SESSION", self.session.id()));
    }

    /// The response of the client to such a message, under this id.
    async fn answer_to(&self, id: Value, message: &str) -> Result<Value, Value> {
        self.say(message);
        let answer = self.fake.received_response(&id, message.get(..80).unwrap_or(message)).await;
        assert_alive(&self.client).await;
        answer
    }

    /// The outcome of a call with this response, which has the call's id in place of ID.
    async fn called(&self, answer: &str) -> Result<String, Error> {
        self.fake.hold("session.log");
        let answering = async {
            let call = self.fake.received_call("session.log").await;
            self.fake.frame(&answer.replace("ID", &call.id.to_string()));
        };
        let log = LogRequest::new("a line");
        let (result, ()) = tokio::join!(self.session.rpc().log(&log), answering);
        assert_alive(&self.client).await;
        result.map(|logged| logged.event_id)
    }
}

/// The notification of an event with this JSON.
fn event(json: &str) -> String {
    format!(r#"{{"method":"session.event","params":{{"sessionId":"SESSION","event":{json}}}}}"#)
}

/// A request that is cut off or has syntax errors is answered if its id can be found.
#[tokio::test(start_paused = true)]
async fn broken_requests() {
    let rig = reading().await;
    let broken = [
        r#"{"jsonrpc":"2.0","id":"ID","method":"sessionFs.readFile","params":{"path":"/a","#,
        r#"{"jsonrpc":"2.0","id":"ID","method":"sessionFs.readFile","params":{"path":/a}}"#,
        r#"{"jsonrpc":"2.0","id":"ID","method":"sessionFs.readFile","params":{} , }"#,
        r#"{"jsonrpc":"2.0","id":"ID","method":"sessionFs.readFile""#,
        r#"{"id":"ID","params":{"path":"\x"},"method":"sessionFs.readFile"}"#,
        r#"{"method":"sessionFs.readFile","id":"ID","params":{{}}}"#,
    ];
    for (index, message) in broken.iter().enumerate() {
        let id = format!("broken {index}");
        let error = rig.answer_to(json!(id), &message.replace("ID", &id)).await.expect_err("an error");
        assert_eq!(error["code"], -32700, "{message}: {error}");
    }
}

/// A call whose response is no JSON fails instead of waiting for ever.
#[tokio::test(start_paused = true)]
async fn broken_answers() {
    let rig = Rig::start().await;
    for answer in [
        r#"{"jsonrpc":"2.0","id":ID,"result":{"eventId":"#,
        r#"{"jsonrpc":"2.0","id":ID,"result":{"eventId":nonsense}}"#,
        r#"{"jsonrpc":"2.0","id":"ID","error":{"code":-32000,"message":"\x"}}"#,
        r#"{"jsonrpc":"2.0","result":{"eventId":"1"},"id":ID,}"#,
    ] {
        match rig.called(answer).await.expect_err("no answer") {
            Error::Decode { method, error, .. } => {
                assert_eq!((method.as_str(), error.expected()), ("session.log", "a JSON object"));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Messages that are cut off before their id is complete disturb no call. The last id here may be longer.
#[tokio::test(start_paused = true)]
async fn broken_messages_without_an_id() {
    let rig = Rig::start().await;
    rig.fake.hold("session.log");
    let answering = async {
        let call = rig.fake.received_call("session.log").await;
        for broken in [r#"{"id":ID"#, r#"{"id":ID,"#, r#"{"result":{},"id":ID"#, r#"{"id":"ID,"result":1}"#] {
            rig.fake.frame(&broken.replace("ID", &call.id.to_string()));
        }
        rig.fake.reply(&call, Ok(json!({"eventId": "yours"})));
    };
    let log = LogRequest::new("a line");
    let (result, ()) = tokio::join!(rig.session.rpc().log(&log), answering);
    assert_eq!(result.expect("a response").event_id, "yours");
}

/// The messages of an array are handled one by one; items that are no message are skipped.
#[tokio::test(start_paused = true)]
async fn batches() {
    let rig = reading().await;
    let mut events = rig.session.events();
    rig.say(&format!(
        r#" [{},5,[],{{"id":1,"method":"sessionFs.readFile","params":{{"sessionId":"SESSION","path":"/a"}}}},
            {{"id":"2","method":"made.up"}},{},nonsense"#,
        event(r#"{"type":"one"}"#),
        event(r#"{"type":"two"}"#),
    ));
    assert_eq!(next(&mut events).await.kind(), "one");
    assert_eq!(next(&mut events).await.kind(), "two");
    assert_eq!(rig.fake.received_response(&json!(1), "a request").await, Ok(json!({"content": "/a"})));
    let unknown = rig.fake.received_response(&json!("2"), "an unknown request").await;
    assert_eq!(unknown.expect_err("an error")["code"], -32601);
    let answer = r#"[{"jsonrpc":"2.0","id":ID,"result":{"eventId":"in an array"}}]"#;
    assert_eq!(rig.called(answer).await.expect("a response"), "in an array");
}

/// A request whose id is no id, or whose method is no name, is an invalid request.
#[tokio::test(start_paused = true)]
async fn requests_that_are_none() {
    let rig = reading().await;
    for (id, message) in [
        (Value::Null, r#"{"id":{"a":[1]},"method":"sessionFs.readFile","params":{"sessionId":"SESSION"}}"#),
        (Value::Null, r#"{"id":[1],"method":"sessionFs.readFile"}"#),
        (Value::Null, r#"{"id":true,"method":"sessionFs.readFile"}"#),
        (json!(77), r#"{"id":77,"method":5}"#),
        (json!("78"), r#"{"id":"78","method":null,"params":{"sessionId":"SESSION"}}"#),
    ] {
        let error = rig.answer_to(id, message).await.expect_err("an error");
        assert_eq!(error["code"], -32600, "{message}: {error}");
    }
    // It does not answer the call of the same id either.
    let odd = rig.called(r#"[{"id":ID,"method":5},{"id":ID,"result":{"eventId":"the answer"}}]"#).await;
    assert_eq!(odd.expect("a response"), "the answer");
}

/// Params that are an array, text, null or missing are rejected by a handler that needs some.
#[tokio::test(start_paused = true)]
async fn params_of_any_kind() {
    let fake = FakeCli::start();
    let client = Client::builder()
        .handle::<SessionFsReadFile>(async |_, _| Ok(SessionFsReadFileResult::new("text")))
        .handle::<UserInputRequest>(async |_, _| Ok(UserInputResult::default().answer("yes")));
    let client = fake.connect(client).await.expect("the handshake");
    for (index, params) in [",\"params\":[1]", ",\"params\":\"a\"", ",\"params\":null", ""].iter().enumerate()
    {
        fake.frame(&format!(r#"{{"id":"params {index}","method":"sessionFs.readFile"{params}}}"#));
        let answer = fake.received_response(&json!(format!("params {index}")), "a request").await;
        assert_eq!(answer.expect_err("an error")["code"], -32602, "{params}");
    }
    assert_alive(&client).await;
}

/// Bytes that are not UTF-8 become U+FFFD, in events, requests and responses.
#[tokio::test(start_paused = true)]
async fn not_utf_8() {
    let rig = reading().await;
    let mut events = rig.session.events();
    let broken = |json: &str| {
        let bytes = json.replace("SESSION", rig.session.id()).into_bytes();
        let body: Vec<u8> = bytes.into_iter().map(|byte| if byte == b'#' { 0xff } else { byte }).collect();
        let header = format!("Content-Length: {}\r\n\r\n", body.len());
        rig.fake.raw([header.into_bytes(), body].concat());
    };
    broken(&event(r#"{"type":"assistant.message","data":{"messageId":"1","content":"caf#"}}"#));
    let came = next(&mut events).await;
    assert_eq!(
        came.raw(),
        "{\"type\":\"assistant.message\",\"data\":{\"messageId\":\"1\",\"content\":\"caf\u{fffd}\"}}"
    );
    assert!(matches!(came.data(), SessionEventData::AssistantMessage(data) if data.content == "caf\u{fffd}"));
    broken(r#"{"id":5,"method":"sessionFs.readFile","params":{"sessionId":"SESSION","path":"/caf#"}}"#);
    assert_eq!(
        rig.fake.received_response(&json!(5), "a request").await,
        Ok(json!({"content": "/caf\u{fffd}"}))
    );
    assert_alive(&rig.client).await;
}

/// Lone surrogates become U+FFFD when they are decoded, and stay in the raw JSON. They may stand in keys too.
#[tokio::test(start_paused = true)]
async fn lone_surrogates() {
    let rig = reading().await;
    let mut events = rig.session.events();
    let json = r#"{"type":"assistant.message","\udead":1,"id":"\udc00","data":{"messageId":"1","content":"cut \ud83e","x\ud800":"\ud83e\udd80"}}"#;
    rig.say(&event(json));
    let came = next(&mut events).await;
    assert_eq!((came.raw(), came.id()), (json, "\u{fffd}"));
    match came.data() {
        SessionEventData::AssistantMessage(data) => assert_eq!(data.content, "cut \u{fffd}"),
        other => panic!("{other:?}"),
    }
    let request = r#"{"\ud800":0,"id":1,"method":"sessionFs.readFile","params":{"sessionId":"SESSION","path":"/\udfff\"","\udfff":2}}"#;
    let answer = rig.answer_to(json!(1), request).await;
    assert_eq!(answer, Ok(json!({"content": "/\u{fffd}\""})));
    let logged = rig.called(r#"{"\ud800":0,"id":ID,"result":{"eventId":"\ud800\ud800"}}"#).await;
    assert_eq!(logged.expect("a response"), "\u{fffd}\u{fffd}");
    let refused = rig.called(r#"{"id":ID,"error":{"code":-32000,"message":"\ud800!"}}"#).await;
    match refused.expect_err("an error") {
        Error::Rpc { error, .. } => assert_eq!(error.message, "\u{fffd}!"),
        other => panic!("{other:?}"),
    }
}

/// Of a repeated key the last counts, at every level, as in JavaScript.
#[tokio::test(start_paused = true)]
async fn duplicate_keys() {
    let rig = reading().await;
    let mut events = rig.session.events();
    rig.say(&event(
        r#"{"type":"x","type":"assistant.message","data":5,"data":{"messageId":7,"messageId":"1","content":"one","content":"two",
            "toolRequests":[{"toolCallId":"a","name":"a"}],
            "toolRequests":[{"toolCallId":"b","name":"b","arguments":{"k":1,"k":2}}]}}"#,
    ));
    match next(&mut events).await.data() {
        SessionEventData::AssistantMessage(data) => {
            assert_eq!(data.content, "two");
            let requests = data.tool_requests.as_deref().expect("its requests");
            assert_eq!(requests.len(), 1);
            assert_eq!((requests[0].name.as_str(), &requests[0].arguments), ("b", &Some(json!({"k": 2}))));
        }
        other => panic!("{other:?}"),
    }
    let request = r#"{"id":1,"id":2,"method":"made.up","method":"sessionFs.readFile","params":[],
        "params":{"sessionId":"none","sessionId":"SESSION","path":"/a","path":"/b"}}"#;
    assert_eq!(rig.answer_to(json!(2), request).await, Ok(json!({"content": "/b"})));
    let logged = rig.called(r#"{"id":0,"id":ID,"result":null,"result":{"eventId":"1","eventId":"2"}}"#).await;
    assert_eq!(logged.expect("a response"), "2");
}

/// A response of more than a megabyte is kept as it came in; one without a result has none to keep.
#[tokio::test(start_paused = true)]
async fn a_large_response() {
    let rig = reading().await;
    let pad = "x".repeat(1 << 20);
    for (result, read) in [("", None), (r#","result":{"eventId":"1"}"#, Some("1"))] {
        for pad in [format!(r#","pad":"{pad}""#), " ".repeat(1 << 20)] {
            let logged = rig.called(&format!(r#"{{"id":ID{result}{pad}}}"#)).await;
            assert_eq!(logged.ok().as_deref(), read);
        }
    }
    let logged = rig.called(&format!(r#"{{"id":ID,"result":{{"eventId":"{pad}"}}}}"#)).await;
    assert_eq!(logged.expect("a response"), pad);
}

/// A megabyte of nesting, complete or cut off, overflows no stack: events arrive, requests are answered,
/// calls fail.
#[tokio::test(start_paused = true)]
async fn a_megabyte_of_nesting() {
    let rig = reading().await;
    let mut events = rig.session.events();
    const DEPTH: usize = 500_000;
    let arrays = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    let objects = format!("{}1{}", "{\"a\":".repeat(DEPTH / 3), "}".repeat(DEPTH / 3));
    for (index, deep) in [&arrays, &objects].into_iter().enumerate() {
        let json = format!(r#"{{"type":"assistant.message","data":{{"content":{deep}}}}}"#);
        rig.say(&event(&json));
        let came = next(&mut events).await;
        assert!(came.raw() == json && matches!(came.data(), SessionEventData::Malformed(_)));

        let id = json!(format!("deep {index}"));
        for params in [format!(r#"{{"sessionId":"SESSION","path":{deep}}}"#), deep.clone()] {
            let request = format!(r#"{{"id":{id},"method":"sessionFs.readFile","params":{params}}}"#);
            rig.answer_to(id.clone(), &request).await.expect_err("an error");
        }
        let failed = rig.called(&format!(r#"{{"id":ID,"result":{deep}}}"#)).await;
        assert!(matches!(failed, Err(Error::Decode { .. })), "{:?}", failed.map(|_| ()));

        rig.say(deep);
        rig.say(&deep[..deep.len() / 2]);
        let broken = format!(r#"{{"id":{id},"method":"sessionFs.readFile","params":{}"#, &deep[..DEPTH]);
        let error = rig.answer_to(id, &broken).await.expect_err("an error");
        assert_eq!(error["code"], -32700);
    }
}

/// An event in the form that the CLI always gives it takes a shorter way than one in any other form. Both ways deliver
/// the same, whatever the params are.
#[tokio::test(start_paused = true)]
async fn events_in_two_forms() {
    let cases: [(&str, &[&str]); 17] = [
        (r#"{"sessionId":"SESSION","event":{"type":"x.y","data":{"a":[1,{"b":null}]},"id":""}}"#, &["x.y"]),
        (r#"{"event":{"parentId":null,"data":1,"type":"x.y"},"sessionId":"SESSION"}"#, &["x.y"]),
        (
            r#"{"more":[{}],"sessionId":"a","event":{"type":"a","data":1,"type":"b"},"sessionId":"SESSION"}"#,
            &["b"],
        ),
        (r#"{"sessionId":"SESSION","event":{"type":"a"},"event":{"type":"b"}}"#, &["b"]),
        (r#"{"session\u0049d":"SESSION","\u0065vent":{"ty\u0070e":"\u0061\"b","data":"\ud800"}}"#, &["a\"b"]),
        ("\t{ \"sessionId\" : \"SESSION\" ,\n\"event\" : { \"type\" : \"a\" , \"data\" : [ ] } } ", &["a"]),
        (r#"{"sessionId":"SESSION","event":{"type":"a"}},"more":{"a":1}"#, &["a"]),
        // Without a type, or no object.
        (r#"{"sessionId":"SESSION","event":{"type":5}}"#, &["missed"]),
        (r#"{"sessionId":"SESSION","event":{"type":"a"},"event":[]}"#, &["missed"]),
        (r#"{"sessionId":"SESSION"}"#, &["missed"]),
        (r#"{"sessionId":"other","event":{"type":"a"}}"#, &[]),
        ("[]", &[]),
        // No JSON.
        (r#"{"sessionId":"SESSION","event":{"type":"a","data":{"a":tru}}}"#, &["missed"]),
        (r#"{"sessionId":"SESSION","event":{"type":"a","data":"\x"}}"#, &["missed"]),
        ("{\"sessionId\":\"SESSION\",\"event\":{\"type\":\"a\",\"data\":\"\n\"}}", &["missed"]),
        (r#"{"sessionId":"SESSION","event":{"type":"a","data":[01]}}"#, &["missed"]),
        (r#"{"sessionId":"SESSION","event":{"type":"a","data":{}}"#, &["missed"]),
    ];
    let rig = reading().await;
    let mut events = rig.session.events();
    for (params, expected) in cases {
        let mut forms = Vec::new();
        for start in [
            r#"{"jsonrpc":"2.0","method":"session.event","params":"#,
            r#"{"method":"session.event","params":"#,
        ] {
            rig.say(&format!("{start}{params}}}"));
            rig.say(&event(r#"{"type":"end"}"#));
            let mut seen = Vec::new();
            loop {
                let event = next(&mut events).await;
                match event.kind() {
                    "end" => break,
                    _ => seen.push(event),
                }
            }
            assert_eq!(
                seen.iter().map(|event| event.kind()).collect::<Vec<_>>(),
                expected,
                "{start}{params}"
            );
            forms.push(seen.iter().map(|event| event.raw().to_owned()).collect::<Vec<_>>());
        }
        assert_eq!(forms[0], forms[1], "{params}");
    }
}
