//! The page at moments that the test chooses, on the fake CLI.

use copilot_session::Client;
use copilot_session::testing::{FakeCli, error, events, requests};
use copilot_session_tests::browser::{Browser, Page};
use desk::server::Limits;
use desk::wire_log::LogFile;
use serde_json::json;
use tokio::task::JoinHandle;

use super::pictures::keep;
use crate::rig::{Fake, serve_desk, soon};

/// A page of a desk on the fake CLI that shows a new session, with the session's id.
async fn show(fake: &Fake, browser: &Browser) -> (Page, String, JoinHandle<()>) {
    show_with(fake, browser, LogFile::new(1 << 20).expect("a log").0).await
}

/// The same with this wire log.
async fn show_with(fake: &Fake, browser: &Browser, log: LogFile) -> (Page, String, JoinHandle<()>) {
    let (address, token, serving) = serve_desk(&fake.desk, log, Limits::default()).await;
    let page = browser.open(&format!("http://{address}/#token={}", token.reveal())).await;
    let id = fake.session().await;
    page.until("document.querySelector('#connection').textContent === 'connected'").await;
    page.eval(&format!("location.hash = 'session={id}'")).await;
    page.until("document.querySelector('#composer').checkVisibility()").await;
    (page, id, serving)
}

/// A question that comes or goes moves the others, so no button of any works for a moment.
#[tokio::test]
async fn all_buttons_rest_when_a_question_comes_or_goes() {
    let (fake, browser) = tokio::join!(Fake::start(), Browser::start());
    let (page, id, serving) = show(&fake, &browser).await;
    // Looks at once when the number of cards changes, before any click could come.
    page.eval(
        "window.seen = [];
         new MutationObserver(() => {
             const buttons = [...document.querySelectorAll('.ask button')];
             seen.push([document.querySelectorAll('.ask').length, buttons.every(button => button.disabled)]);
         }).observe(document.querySelector('#asks'), { childList: true }), true",
    )
    .await;
    for (number, command) in ["make", "make test"].into_iter().enumerate() {
        fake.cli.emit(&id, events::permission(command, requests::shell(command)));
        page.until(&format!("document.querySelectorAll('.ask .approve:enabled').length === {}", number + 1))
            .await;
    }
    // The first card goes, and the second one moves to its place.
    page.click(".ask .deny").await;
    page.until("document.querySelectorAll('.ask').length === 1").await;
    page.until("document.querySelector('.ask .approve:enabled')").await;
    assert_eq!(page.eval("seen").await, json!([[1, true], [2, true], [1, true]]));
    assert_eq!(page.text(".ask .whole").await, "make test");
    fake.desk.close().await;
    soon("the server", serving).await.expect("no panic");
}

/// A card shows what an approval means before it is clicked, in a narrow window, too.
#[tokio::test]
async fn a_card_shows_what_an_approval_means() {
    let (fake, browser) = tokio::join!(Fake::start(), Browser::start());
    let (page, id, serving) = show(&fake, &browser).await;
    let size = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": false });
    page.call("Emulation.setDeviceMetricsOverride", size).await;
    let mut shell = requests::shell("git push");
    shell["canOfferSessionApproval"] = true.into();
    shell["commands"] = json!([{ "identifier": "git-push".repeat(20), "readOnly": false }]);
    shell["warning"] = "It sends your work elsewhere".into();
    shell["requestSandboxBypass"] = true.into();
    shell["requestSandboxBypassReason"] = "it needs the network".into();
    fake.cli.emit(&id, events::permission("p", shell));
    page.until("document.querySelector('.ask .always:enabled')").await;
    // As by a click that brings the window to the front.
    page.eval("dispatchEvent(new Event('focus'))").await;
    assert_eq!(page.eval("document.querySelector('.ask .always').disabled").await, true);
    page.until("document.querySelector('.ask .always:enabled')").await;
    let always = format!("In this session, always allow {} with any arguments", "git-push".repeat(20));
    assert_eq!(page.text(".ask .always").await, always);
    assert_eq!(
        page.text(".ask .warning").await,
        "It sends your work elsewhere\nIt is to run outside the sandbox: it needs the network"
    );
    let wide = "[...document.querySelectorAll('.ask button')]
        .some(button => button.getBoundingClientRect().right > innerWidth)";
    assert_eq!(page.eval(wide).await, false, "a button is wider than the window");
    keep(&page, "warning-390").await;
    page.click(".ask .deny").await;

    let plan = json!({
        "sessionId": id, "summary": "Tidy up", "actions": ["autopilot", "interactive"], "recommendedAction": "autopilot",
    });
    let asking = fake.cli.request_raw("exitPlanMode.request", plan);
    let clicking = async {
        page.until("document.querySelector('.ask.plan .approve:enabled')").await;
        assert_eq!(page.text(".ask.plan .primary").await, "Approve, and start on autopilot");
        keep(&page, "plan-390").await;
        page.click(".ask.plan .approve:not(.primary)").await;
    };
    let (response, ()) = tokio::join!(asking, clicking);
    assert_eq!(response.expect("a response")["selectedAction"], "interactive");
    fake.desk.close().await;
    soon("the server", serving).await.expect("no panic");
}

/// A message that the page fails to show is not lost: the page says so, and starts again.
#[tokio::test]
async fn a_message_that_cannot_be_shown_is_not_lost() {
    let (fake, browser) = tokio::join!(Fake::start(), Browser::start());
    let (page, id, serving) = show(&fake, &browser).await;
    page.eval(
        "window.said = [];
         new MutationObserver(() => said.push(document.querySelector('#connection').textContent))
             .observe(document.querySelector('#connection'), { childList: true });
         const parse = JSON.parse;
         JSON.parse = text => {
             if (!text.includes('seldom')) return parse(text);
             JSON.parse = parse;
             throw new Error('no room');
         }, true",
    )
    .await;
    fake.cli.emit(&id, events::event("session.title_changed", json!({ "title": "A seldom title" })));
    page.until("document.querySelector('h1').textContent === 'A seldom title'").await;
    page.until("said.join() === 'connecting … (no room),connected'").await;
    fake.desk.close().await;
    soon("the server", serving).await.expect("no panic");
}

/// A prompt that is not sent stays with its session: in no other one, after a reload, and after a refusal.
#[tokio::test]
async fn a_draft_belongs_to_its_session() {
    let (fake, browser) = tokio::join!(Fake::start(), Browser::start());
    let (page, first, serving) = show(&fake, &browser).await;
    let second = fake.session().await;
    // A narrow window folds the list of sessions.
    page.resize((1200, 800), "light").await;
    let prompt = async || page.eval("document.querySelector('#prompt').value").await;
    let choose = async |id: &str| {
        page.click(&format!("#list a[href='#session={id}']")).await;
        page.until(&format!("document.querySelector('#list [aria-current]').hash === '#session={id}'")).await;
        page.until("document.querySelector('#composer').checkVisibility()").await;
    };
    page.enter("#prompt", "For the first").await;
    choose(&second).await;
    assert_eq!(prompt().await, "");
    page.enter("#prompt", "For the second").await;
    choose(&first).await;
    assert_eq!(prompt().await, "For the first");
    page.reload().await;
    page.until("document.querySelector('#composer').checkVisibility()").await;
    assert_eq!(prompt().await, "For the first");

    // It is refused while the other session is shown.
    fake.cli.hold("session.send");
    page.click("#send").await;
    let call = fake.cli.received_call("session.send").await;
    assert_eq!(prompt().await, "");
    choose(&second).await;
    fake.cli.reply(&call, Err(error(-32000, "not now")));
    page.until("document.querySelector('#problem').textContent.includes('not now')").await;
    assert_eq!(prompt().await, "For the second");
    choose(&first).await;
    assert_eq!(prompt().await, "For the first");

    fake.cli.release("session.send");
    fake.cli.answer("Yes.");
    page.click("#send").await;
    page.until("document.querySelector('.node.turn.done')").await;
    page.reload().await;
    page.until("document.querySelector('#composer').checkVisibility()").await;
    assert_eq!(prompt().await, "");
    fake.desk.close().await;
    soon("the server", serving).await.expect("no panic");
}

/// A browser has six connections with a server. Five tabs leave one for clicks, and the next tab says what it waits for.
#[tokio::test]
async fn more_tabs_than_connections_wait() {
    let (fake, browser) = tokio::join!(Fake::start(), Browser::start());
    let (log, _wire_log) = LogFile::new(1 << 20).expect("a log");
    let (address, token, serving) = serve_desk(&fake.desk, log, Limits::default()).await;
    let url = format!("http://{address}/#token={}", token.reveal());
    let connected = "document.querySelector('#connection').textContent === 'connected'";
    let mut tabs = vec![browser.open(&url).await];
    for _ in 1..5 {
        tabs.push(tabs[0].open_tab(&url).await);
    }
    for tab in &tabs {
        tab.until(connected).await;
    }
    let late = tabs[0].open_tab(&url).await;
    late.until("document.querySelector('#connection').textContent === 'too many tabs'").await;
    assert_eq!(late.text("#hint").await, "5 tabs of this browser show desk already. Close one of them.");

    let first = tabs.remove(0);
    first.call("Page.bringToFront", json!({})).await;
    first.click("#create button").await;
    first.until("document.querySelector('#composer').checkVisibility()").await;
    first.call("Page.close", json!({})).await;
    late.until(connected).await;
    fake.desk.close().await;
    soon("the server", serving).await.expect("no panic");
}

/// Any site can open tabs of the page. Without the token, or with a wrong one, they take no place of the owner.
#[tokio::test]
async fn tabs_without_the_token_take_no_place() {
    let (fake, browser) = tokio::join!(Fake::start(), Browser::start());
    let (log, _wire_log) = LogFile::new(1 << 20).expect("a log");
    let (address, token, serving) = serve_desk(&fake.desk, log, Limits::default()).await;
    let place = format!("http://{address}/");
    let mut tabs = vec![browser.open(&place).await];
    for path in ["", "", "", "", "", "#token=0", "#token=0", "#token=0", "#token=0", "#token=0"] {
        tabs.push(tabs[0].open_tab(&format!("{place}{path}")).await);
    }
    for tab in &tabs {
        tab.until("document.querySelector('#connection').textContent === 'no access'").await;
    }
    let owner = tabs[0].open_tab(&format!("{place}#token={}", token.reveal())).await;
    owner.until("document.querySelector('#connection').textContent === 'connected'").await;
    // The address also works in a tab that shows the page already.
    tabs[1].eval(&format!("location.hash = 'token={}'", token.reveal())).await;
    tabs[1].until("document.querySelector('#connection').textContent === 'connected'").await;
    fake.desk.close().await;
    soon("the server", serving).await.expect("no panic");
}

/// Another site that leads the owner's tab back to the page cannot take its token away by giving it a wrong one.
#[tokio::test]
async fn a_wrong_token_replaces_no_right_one() {
    let (fake, browser) = tokio::join!(Fake::start(), Browser::start());
    let (log, _wire_log) = LogFile::new(1 << 20).expect("a log");
    let (address, token, serving) = serve_desk(&fake.desk, log, Limits::default()).await;
    let connected = "document.querySelector('#connection').textContent === 'connected'";
    let page = browser.open(&format!("http://{address}/#token={}", token.reveal())).await;
    page.until(connected).await;
    for wrong in ["0", "1"] {
        page.call("Page.navigate", json!({ "url": "about:blank" })).await;
        page.until("location.href === 'about:blank'").await;
        page.call("Page.navigate", json!({ "url": format!("http://{address}/#token={wrong}") })).await;
        page.until(connected).await;
    }
    page.reload().await;
    page.until(connected).await;
    fake.desk.close().await;
    soon("the server", serving).await.expect("no panic");
}

/// A download of a log that has become too long says so.
#[tokio::test]
async fn what_a_log_lacks_is_no_secret() {
    let (fake, browser) = tokio::join!(Fake::start(), Browser::start());
    let (log, wire_log) = LogFile::new(0).expect("a log");
    let other = FakeCli::start().connect(Client::builder().wire_log(wire_log)).await.expect("a client");
    // Until all is written.
    other.stop().await;
    let lacks = log.left_out();
    assert!(lacks > 0);
    let (page, _, serving) = show_with(&fake, &browser, log).await;
    // A narrow window folds the list of sessions, and the buttons with it.
    page.resize((1200, 800), "light").await;
    page.call("Page.setDownloadBehavior", json!({ "behavior": "deny" })).await;
    for button in ["#log", "#logPage"] {
        page.click(button).await;
        page.until("document.querySelector('#problem').checkVisibility()").await;
        let told = format!(
            "The wire log is long: the file has its beginning and its end, and lacks {lacks} messages between."
        );
        assert_eq!(page.text("#problem").await, told);
        page.eval("document.querySelector('#problem').hidden = true").await;
    }
    fake.desk.close().await;
    soon("the server", serving).await.expect("no panic");
}
