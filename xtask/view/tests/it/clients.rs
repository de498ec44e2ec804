//! Logs to which several clients have written one after another, and turns that have no end.

use copilot_session_view::Log;
use serde_json::{Value, json};

use crate::{event_at, index, page, turn};

fn request(t_ms: u64, id: u64, method: &str) -> String {
    let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {"sessionId": "s"}});
    json!({"t_ms": t_ms, "dir": "client", "msg": message}).to_string()
}

fn prompt(millis: u64, text: &str) -> String {
    event_at(millis, "user.message", json!({"content": text, "messageId": text}))
}

fn idle(millis: u64) -> String {
    event_at(millis, "session.idle", json!({}))
}

fn model(millis: u64) -> String {
    event_at(millis, "assistant.turn_start", json!({"turnId": "0", "model": "m"}))
}

/// A client that was killed in its second turn, and a client that goes on with the session.
fn killed() -> Vec<String> {
    vec![
        request(0, 1, "connect"),
        prompt(100, "first"),
        idle(200),
        prompt(300, "cut"),
        model(400),
        request(0, 1, "connect"),
        request(5, 2, "session.resume"),
        prompt(5_000, "third"),
        model(5_100),
        idle(6_000),
    ]
}

fn bars(lines: &[String]) -> String {
    Log::read(lines.join("\n").as_bytes()).expect("a log").timeline(80, false)
}

#[test]
fn a_turn_that_a_killed_client_left_is_unfinished() {
    let bars = bars(&killed());
    let headings: Vec<&str> =
        bars.lines().filter(|line| ["turn", "client"].iter().any(|word| line.starts_with(word))).collect();
    let turns: Vec<&str> = headings.iter().copied().filter(|line| !line.contains('█')).collect();
    let expected = [
        "client 1, messages 1 to 5",
        "turn 1  first",
        "turn 2 (unfinished)  cut",
        "client 2, messages 6 to 10",
        "turn 3  third",
    ];
    assert_eq!(turns, expected, "{bars}");
    let remark = "The log is of 2 clients, one after another: messages 1 to 5, messages 6 to 10.";
    assert!(bars.lines().any(|line| line == remark), "{bars}");
    // The call of the second turn stays in it.
    assert_eq!(bars.matches("model m").count(), 2, "{bars}");
}

#[test]
fn the_page_marks_unfinished_turns_and_clients() {
    let (html, blocks) = page(killed().join("\n").as_bytes());
    let index = index(&blocks);
    let titles: Vec<&str> =
        index["turns"].as_array().expect("turns").iter().filter_map(|turn| turn["title"].as_str()).collect();
    assert_eq!(titles, ["1. first (100 ms)", "2. cut (100 ms, unfinished)", "3. third (1.0 s)"]);
    assert!(html.contains("The log is of 2 clients"));
    let cut = turn(&blocks, 1);
    assert!(cut.contains("unfinished, client 1 (messages 1 to 5)"), "{cut}");
    assert!(cut.contains("The turn has not ended."), "{cut}");
    assert!(turn(&blocks, 2).contains("client 2 (messages 6 to 10)"));
    let briefs: Vec<Value> = serde_json::from_value(index["brief"].clone()).expect("texts");
    assert!(briefs[5].as_str().is_some_and(|brief| brief.starts_with("client 2 begins")), "{briefs:?}");
    // The last line of the first client is at 400 ms, that of the second at 6,000 ms.
    assert!(html.contains("10 messages in 6.4 s"), "{html}");
}

/// A turn that another client sees to its end has ended.
#[test]
fn a_turn_that_goes_on_with_another_client_is_finished() {
    let mut lines = killed();
    lines.insert(7, idle(4_900));
    let bars = bars(&lines);
    assert!(bars.contains("turn 2  cut") && !bars.contains("unfinished"), "{bars}");
}

#[test]
fn a_turn_at_the_end_of_a_log_is_unfinished() {
    let lines = [prompt(100, "last"), model(200)];
    let bars = bars(&lines);
    assert!(bars.contains("turn 1 (unfinished)  last") && !bars.contains("client"), "{bars}");
}

/// A program with two connections that has written to the log twice is two clients, in whatever order they begin.
#[test]
fn several_connections_begin_together() {
    let of = |connection: &str, line: &str| line.replacen('{', &format!("{{\"conn\":\"{connection}\","), 1);
    let connect = request(0, 1, "connect");
    for second in [["A", "B"], ["B", "A"]] {
        let first = ["A", "B"].map(|connection| of(connection, &connect));
        let again = second.map(|connection| of(connection, &connect));
        let turns = [vec![prompt(100, "first"), idle(200)], vec![prompt(5_000, "second"), idle(6_000)]];
        let [one, two] = turns.map(|lines| lines.iter().map(|line| of("A", line)).collect::<Vec<_>>());
        let bars = bars(&[first.to_vec(), one, again.to_vec(), two].concat());
        let remark = "The log is of 2 clients, one after another: messages 1 to 4, messages 5 to 8.";
        assert!(bars.lines().any(|line| line == remark), "{bars}");
    }
}

/// The last line of a killed client may be only the start of one, and the next client's first line follows it directly.
#[test]
fn a_line_that_is_cut_off_before_another_client_is_left_out() {
    let mut lines = killed();
    lines[5].insert_str(0, r#"{"t_ms":410,"dir":"server","msg":{"method":"a \" b"#);
    let bars = bars(&lines);
    assert!(bars.contains("client 2, messages 6 to 10"), "{bars}");
    assert!(
        bars.contains("The start of a line, cut off where another client begins, is left out."),
        "{bars}"
    );
    // Anything else is no log.
    lines[5].truncate(30);
    assert!(Log::read(lines.join("\n").as_bytes()).is_err());
}
