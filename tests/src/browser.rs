//! Chromium without a window, driven by its DevTools protocol over a pipe.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;

/// The time limit of every wait. It is generous, since it passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that comes soon, or panics.
pub async fn soon<T>(what: &str, future: impl IntoFuture<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, future.into_future()).await;
    waited.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// The variable that names the program.
const PATH_VARIABLE: &str = "CHROMIUM_PATH";

/// The names under which it is installed.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A running browser. Dropping it ends it.
pub struct Browser {
    _child: Child,
    _profile: TempDir,
    link: Arc<Link>,
}

/// The connection with the browser.
struct Link {
    to: tokio::sync::Mutex<(ChildStdin, u64)>,
    pending: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    /// The complaints of the pages: exceptions, and violations of their policy.
    complaints: Mutex<Vec<String>>,
}

/// A page in a browser, with a storage of its own.
pub struct Page {
    link: Arc<Link>,
    /// The id of its browser context.
    context: String,
    session: String,
}

fn program() -> PathBuf {
    if let Some(path) = std::env::var_os(PATH_VARIABLE) {
        return path.into();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).flat_map(|folder| PROGRAMS.map(|name| folder.join(name)));
    found.into_iter().find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("there is no Chromium; install it (`apt-get install chromium`), or set {PATH_VARIABLE} to its path")
    })
}

impl Browser {
    /// Starts it with a profile of its own.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().expect("a profile");
        let program = program();
        // The pipe has the numbers 3 and 4, which a shell can give it.
        let mut child = Command::new("/bin/sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#])
            .arg(&program)
            .args([
                "--remote-debugging-pipe",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let (to, from) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let link = Arc::new(Link {
            to: tokio::sync::Mutex::new((to, 0)),
            pending: Mutex::default(),
            complaints: Mutex::default(),
        });
        tokio::spawn(read(from, Arc::clone(&link)));
        Self { _child: child, _profile: profile, link }
    }

    /// Opens a page with this address, in a browser context of its own.
    pub async fn open(&self, url: &str) -> Page {
        let context = self.link.call("", "Target.createBrowserContext", json!({})).await;
        let context = context["browserContextId"].as_str().expect("a context");
        Page::open(&self.link, context, url).await
    }

    /// The complaints of the pages.
    pub fn complaints(&self) -> Vec<String> {
        self.link.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads messages, each of which ends with a zero byte.
async fn read(from: ChildStdout, link: Arc<Link>) {
    let (mut from, mut message) = (BufReader::new(from), Vec::new());
    while matches!(from.read_until(0, &mut message).await, Ok(length) if length > 0) {
        message.pop();
        let value: Value = serde_json::from_slice(&message).expect("JSON from the browser");
        message.clear();
        let complaint = match value["method"].as_str() {
            Some("Runtime.exceptionThrown") => Some(value["params"]["exceptionDetails"].to_string()),
            Some("Log.entryAdded") if value["params"]["entry"]["level"] == "error" => {
                Some(value["params"]["entry"]["text"].to_string())
            }
            _ => None,
        };
        link.complaints.lock().unwrap_or_else(PoisonError::into_inner).extend(complaint);
        let id = value["id"].as_u64();
        let waiting =
            id.and_then(|id| link.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&id));
        if let Some(waiting) = waiting {
            // The receiver is gone if the test has given up.
            drop(waiting.send(value));
        }
    }
    link.pending.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

impl Link {
    async fn call(&self, session: &str, method: &str, params: Value) -> Value {
        let result = self.try_call(session, method, params).await;
        result.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    async fn try_call(&self, session: &str, method: &str, params: Value) -> Result<Value, Value> {
        let (sender, response) = oneshot::channel();
        {
            let (to, id) = &mut *self.to.lock().await;
            *id += 1;
            self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(*id, sender);
            let mut message = json!({ "id": *id, "method": method, "params": params });
            if !session.is_empty() {
                message["sessionId"] = session.into();
            }
            to.write_all(format!("{message}\0").as_bytes()).await.expect("a browser that reads");
        }
        let mut response =
            soon(method, response).await.unwrap_or_else(|_| panic!("the browser ended in {method}"));
        match response["error"].take() {
            Value::Null => Ok(response["result"].take()),
            error => Err(error),
        }
    }
}

impl Page {
    async fn open(link: &Arc<Link>, context: &str, url: &str) -> Self {
        let target = json!({ "url": "about:blank", "browserContextId": context });
        let target = link.call("", "Target.createTarget", target).await;
        let attached = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = link.call("", "Target.attachToTarget", attached).await;
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let page = Self { link: Arc::clone(link), context: context.to_owned(), session };
        for domain in ["Page", "Runtime", "Log"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page.call("Page.navigate", json!({ "url": url })).await;
        page
    }

    /// Opens a page with this address in the same browser context, as another tab.
    pub async fn open_tab(&self, url: &str) -> Self {
        Self::open(&self.link, &self.context, url).await
    }

    /// Calls a method of the DevTools protocol.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        self.link.call(&self.session, method, params).await
    }

    /// The value of an expression in the page, or that of its promise.
    pub async fn eval(&self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut result = self.call("Runtime.evaluate", params).await;
        assert!(result["exceptionDetails"].is_null(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].take()
    }

    /// Waits until an expression is true. Until then it may throw, since its elements are not there yet.
    pub async fn until(&self, expression: &str) {
        let wait = format!(
            "new Promise(done => {{
                const look = () => {{
                    try {{ if ({expression}) return done(true); }} catch {{}}
                    setTimeout(look, 10);
                }};
                look();
            }})"
        );
        let params = json!({ "expression": wait, "awaitPromise": true, "returnByValue": true });
        let waiting = async {
            // A page that is left forgets who waits for it.
            loop {
                let looked = self.link.try_call(&self.session, "Runtime.evaluate", params.clone()).await;
                let Ok(looked) = looked else { continue };
                assert!(looked["exceptionDetails"].is_null(), "{expression}: {looked}");
                return;
            }
        };
        if tokio::time::timeout(PATIENCE / 2, waiting).await.is_err() {
            let text = self.eval("document.body.innerText").await;
            panic!(
                "waited in vain until {expression} in a page with this text:\n{}",
                text.as_str().unwrap_or("")
            );
        }
    }

    /// Loads the page again, and waits until the new one is there.
    pub async fn reload(&self) {
        self.eval("window.isOld = true").await;
        self.call("Page.reload", json!({})).await;
        self.until("!window.isOld").await;
    }

    /// Waits until an element is there and can be clicked, and clicks in its middle as a mouse does.
    pub async fn click(&self, selector: &str) {
        let found = json!(selector).to_string();
        let ready = "found?.checkVisibility() && !found.disabled";
        self.until(&format!("(found => {ready})(document.querySelector({found}))")).await;
        let place = self
            .eval(&format!(
                "{{ const found = document.querySelector({found}); found.scrollIntoView({{ block: 'center' }});
                   const box = found.getBoundingClientRect();
                   [box.x + box.width / 2, box.y + box.height / 2] }}"
            ))
            .await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Types a text into an element.
    pub async fn enter(&self, selector: &str, text: &str) {
        self.click(selector).await;
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// The text of an element.
    pub async fn text(&self, selector: &str) -> String {
        let text = self.eval(&format!("document.querySelector({})?.textContent", json!(selector))).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The structure of the tree: each step with its depth, kind, progress and title.
    pub async fn structure(&self) -> Vec<String> {
        let steps = self
            .eval(
                "[...document.querySelectorAll('.node')].map(item => {
                    let depth = 0;
                    for (let above = item; above = above.parentElement.closest('.node');) depth += 1;
                    const title = item.querySelector('.title').textContent;
                    return '  '.repeat(depth) + item.className.replace('node ', '') + ': ' + title;
                })",
            )
            .await;
        serde_json::from_value(steps).expect("a list of texts")
    }

    /// Sets the size of the window in pixels, and the scheme of colours, `light` or `dark`, without animations. Returns
    /// once the page is drawn.
    pub async fn resize(&self, (width, height): (u32, u32), scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        // Two frames: the layout, and what the page does about it.
        self.eval("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))").await;
    }

    /// A picture of the page, as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" })).await;
        let png = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().expect("a picture"));
        png.expect("base64")
    }
}
