//! The process that plays the CLI, with blocking reads and writes.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::script::{self, Step};

/// The time limit for the answers of a turn. The turn then ends without them.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Serves one client until it closes the stream.
pub fn run() -> io::Result<()> {
    let peer = Arc::new(Peer {
        out: Mutex::new(Out { stdout: io::stdout(), events: 0 }),
        asked: Mutex::default(),
        answered: Condvar::new(),
    });
    let mut input = io::stdin().lock();
    while let Some(message) = read(&mut input)? {
        peer.take(&message)?;
    }
    Ok(())
}

fn read(input: &mut impl BufRead) -> io::Result<Option<Value>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}

struct Peer {
    out: Mutex<Out>,
    asked: Mutex<HashMap<String, Asked>>,
    answered: Condvar,
}

struct Out {
    stdout: io::Stdout,
    /// The number of events that were sent, which is also the number of the next.
    events: u64,
}

/// A request to the client.
struct Asked {
    kind: &'static str,
    /// The right result.
    expected: String,
    /// The numbers of right and of wrong answers.
    right: u64,
    wrong: u64,
    /// The session whose turn ends with this answer.
    ends_turn_of: Option<String>,
}

impl Peer {
    fn take(self: &Arc<Self>, message: &Value) -> io::Result<()> {
        let (Some(method), id, params) = (message["method"].as_str(), &message["id"], &message["params"])
        else {
            return Ok(());
        };
        let session = params["sessionId"].as_str().unwrap_or_default();
        let result = match method {
            "connect" => json!({"ok": true, "protocolVersion": 3, "version": "1.0.102"}),
            "ping" => {
                let timestamp = "2026-01-01T00:00:00.000000000Z";
                json!({"message": self.account(), "timestamp": timestamp, "protocolVersion": 3})
            }
            "session.create" => created(session),
            "session.send" => json!({"messageId": "prompt"}),
            _ => json!({"success": true}),
        };
        self.out().write(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string())?;
        match method {
            "session.create" => self.out().begin(session),
            "session.send" => self.prompted(session, params["prompt"].as_str().unwrap_or_default()),
            "session.tools.handlePendingToolCall" => {
                self.settle(session, params, &params["result"]["textResultForLlm"])
            }
            "session.permissions.handlePendingPermissionRequest" => {
                self.settle(session, params, &params["result"]["kind"])
            }
            _ => Ok(()),
        }
    }

    /// The numbers of events, requests and answers, as JSON.
    fn account(&self) -> String {
        let events = self.out().events;
        let asked = lock(&self.asked);
        let count = |is: fn(&Asked) -> bool| asked.values().filter(|asked| is(asked)).count();
        json!({
            "sent": events,
            "asked": asked.len(),
            "answered": count(|asked| (asked.right, asked.wrong) == (1, 0)),
            "unanswered": count(|asked| (asked.right, asked.wrong) == (0, 0)),
        })
        .to_string()
    }

    /// Carries out a prompt: `burst <events>`, `flood <events>`, `frame <megabytes>` or `echo <word>`.
    fn prompted(self: &Arc<Self>, session: &str, prompt: &str) -> io::Result<()> {
        let (what, rest) = prompt.split_once(' ').unwrap_or((prompt, ""));
        let message = json!({"content": prompt, "messageId": "prompt"});
        self.out().event(session, "user.message", false, &message)?;
        let (peer, session) = (Arc::clone(self), session.to_owned());
        match what {
            "burst" | "flood" => {
                let events = rest.parse().map_err(io::Error::other)?;
                let ends = what == "burst";
                thread::spawn(move || peer.burst(&session, events, ends));
                Ok(())
            }
            "frame" => {
                let megabytes: usize = rest.parse().map_err(io::Error::other)?;
                let said = json!({"messageId": "answer", "content": "x".repeat(megabytes << 20), "toolRequests": []});
                self.out().event(&session, Step::Message.kind(), false, &said)?;
                self.idle(&session)
            }
            _ => {
                let call = format!("call-of-{session}");
                self.ask(&call, Step::ToolCall, script::heard(rest), Some(session.clone()));
                let data = script::tool_call(&session, &call, rest);
                self.out().event(&session, Step::ToolCall.kind(), false, &data)
            }
        }
    }

    /// Sends a turn of so many events, then waits for the answers and ends the turn, or leaves it open.
    fn burst(&self, session: &str, events: u64, ends: bool) -> io::Result<()> {
        for place in 0..events {
            let step = Step::at(place);
            match step {
                Step::ToolCall => {
                    let expected = script::heard(&format!("word {place}"));
                    self.ask(&format!("tool-{place}"), step, expected, None);
                }
                Step::Permission => {
                    self.ask(&format!("permission-{place}"), step, "approve-once".to_owned(), None);
                }
                _ => {}
            }
            self.out().event(session, step.kind(), step.is_ephemeral(), &step.data(place, session))?;
        }
        if ends {
            let open =
                |asked: &mut HashMap<_, Asked>| asked.values().any(|asked| asked.right + asked.wrong == 0);
            // The account has the number of requests without an answer.
            drop(self.answered.wait_timeout_while(lock(&self.asked), ANSWER_LIMIT, open));
            self.idle(session)?;
        }
        Ok(())
    }

    fn ask(&self, request: &str, step: Step, expected: String, ends_turn_of: Option<String>) {
        let kind = if step == Step::ToolCall { "external_tool.completed" } else { "permission.completed" };
        let asked = Asked { kind, expected, right: 0, wrong: 0, ends_turn_of };
        lock(&self.asked).insert(request.to_owned(), asked);
    }

    /// Records an answer, sends its event, and ends the turn if it was waiting for it.
    fn settle(&self, session: &str, params: &Value, result: &Value) -> io::Result<()> {
        let request = params["requestId"].as_str().unwrap_or_default();
        let (kind, ended) = {
            let mut asked = lock(&self.asked);
            let Some(asked) = asked.get_mut(request) else {
                return Err(io::Error::other(format!("{request} was answered and not asked")));
            };
            let right = result.as_str() == Some(&asked.expected);
            asked.right += u64::from(right);
            asked.wrong += u64::from(!right);
            (asked.kind, asked.ends_turn_of.take())
        };
        self.out().event(session, kind, false, &json!({"requestId": request}))?;
        // The event must come before the end of the turn.
        self.answered.notify_all();
        let Some(session) = ended else { return Ok(()) };
        let said = json!({"messageId": "answer", "content": result, "toolRequests": []});
        self.out().event(&session, Step::Message.kind(), false, &said)?;
        self.idle(&session)
    }

    fn idle(&self, session: &str) -> io::Result<()> {
        self.out().event(session, "session.idle", true, &json!({"mode": "interactive"}))
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        lock(&self.out)
    }
}

impl Out {
    /// Sends the first events of a session.
    fn begin(&mut self, session: &str) -> io::Result<()> {
        let start = json!({
            "sessionId": session, "version": 1, "producer": "copilot-agent", "copilotVersion": "1.0.102",
            "startTime": "2026-01-01T00:00:00.000Z", "selectedModel": "fake-model", "contextTier": null,
            "context": {"cwd": "/workspace"}, "remoteSteerable": false, "alreadyInUse": false,
        });
        let settings = json!({
            "source": "none", "serverManaged": false, "deviceManaged": false, "clientManaged": false,
            "policyHelperManaged": false, "failClosed": false, "sandboxEnabledByUndeterminedPolicy": false,
            "bypassPermissionsDisabled": false, "managedKeys": [], "permissionsContext": {"failClosed": false},
        });
        self.unnumbered(session, "session.start", false, &start, "a6c72cf6")?;
        self.unnumbered(session, "session.managed_settings_resolved", true, &settings, "7843e480")
    }

    /// Sends an event with the next number in its id.
    fn event(&mut self, session: &str, kind: &str, ephemeral: bool, data: &Value) -> io::Result<()> {
        let number = format!("{:08}", self.events);
        self.events += 1;
        self.unnumbered(session, kind, ephemeral, data, &number)
    }

    /// Sends an event with an id that begins with these eight characters.
    fn unnumbered(
        &mut self,
        session: &str,
        kind: &str,
        ephemeral: bool,
        data: &Value,
        id: &str,
    ) -> io::Result<()> {
        let ephemeral = if ephemeral { r#","ephemeral":true"# } else { "" };
        self.write(&format!(
            r#"{{"jsonrpc":"2.0","method":"session.event","params":{{"sessionId":"{session}","event":{{"type":"{kind}","data":{data}{ephemeral},"id":"{id}-69e4-428d-8d9b-85a5b6b2c3d4","timestamp":"2026-01-01T00:00:00.000Z","parentId":"e4269a7f-2e35-40c1-9651-e73d497b41c6"}}}}}}"#
        ))
    }

    fn write(&mut self, body: &str) -> io::Result<()> {
        self.stdout.write_all(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        self.stdout.flush()
    }
}

/// The CLI's response to `session.create`.
fn created(session: &str) -> Value {
    json!({
        "sessionId": session, "nativeSessionId": session, "startTime": "2026-01-01T00:00:00.000Z",
        "isRemote": false, "mode": "interactive",
        "workspacePath": format!("/home/user/.copilot/session-state/{session}"),
        "capabilities": {
            "ui": {"elicitation": false, "mcpApps": false, "canvases": false}, "extensions": false,
        },
        "modelState": {"modelId": "fake-model"},
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
