//! The page in light, dark, narrow and wide windows.

use std::path::PathBuf;

use copilot_session_model::{Reply, Script};
use copilot_session_tests::browser::{Browser, Page};
use serde_json::json;

use super::rig::Real;

/// The folder for the pictures, to look at.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("desk");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Writes a picture of the page, to look at.
pub async fn keep(page: &Page, name: &str) {
    let path = folder().join(name).with_extension("png");
    std::fs::write(path, page.picture().await).expect("a picture on disk");
}

/// Takes a picture in each window, and checks that nothing is wider than the window or too faint to read.
async fn look(page: &Page, name: &str) {
    page.until("!document.querySelector('.ask button:disabled')").await;
    for (width, height) in [(390, 844), (1200, 800), (1600, 900)] {
        for scheme in ["light", "dark"] {
            page.resize((width, height), scheme).await;
            keep(page, &format!("{name}-{width}-{scheme}")).await;
            let wide = page.eval("document.documentElement.scrollWidth > innerWidth").await;
            assert_eq!(wide, false, "{name} is wider than {width} pixels");
            let cut = page
                .eval(
                    "[...document.querySelectorAll('button, h1, h2, input, textarea, select')]
                        .filter(item => item.checkVisibility())
                        .filter(item => { const box = item.getBoundingClientRect(); return box.left < 0 || box.right > innerWidth; })
                        .map(item => item.outerHTML)",
                )
                .await;
            assert_eq!(cut, json!([]), "{name} at {width} pixels");
            let faint = page.eval(CONTRAST).await;
            assert_eq!(faint, json!([]), "{name} in {scheme}");
        }
    }
}

/// The texts whose contrast with what is behind them is below 4.5, the limit of WCAG AA.
const CONTRAST: &str = r"
    (() => {
        const numbers = color => color.match(/[\d.]+/g).map(Number);
        const light = ([r, g, b]) => {
            const [x, y, z] = [r, g, b].map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * x + 0.7152 * y + 0.0722 * z;
        };
        const behind = item => {
            for (; item; item = item.parentElement) {
                const color = numbers(getComputedStyle(item).backgroundColor);
                if (color.length < 4 || color[3] > 0) return color;
            }
            return [255, 255, 255];
        };
        const hasText = item => [...item.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        return [...document.body.querySelectorAll('*')]
            .filter(item => item.checkVisibility() && (hasText(item) || item.placeholder) && !item.closest(':disabled'))
            .map(item => [getComputedStyle(item, item.placeholder ? '::placeholder' : null).color, item])
            .map(([color, item]) => [light(numbers(color)), light(behind(item)), item])
            .filter(([a, b]) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5)
            .map(([, , item]) => item.className + ' ' + (item.placeholder ?? item.textContent).slice(0, 40));
    })()";

#[tokio::test]
async fn every_window_shows_all() {
    let list = json!({ "command": "ls -l && git status --short", "description": "Look at the folder" });
    let delete = "rm -rf build \\\n  && find . -name '*.tmp' -print -delete \\\n  && echo \"a long line that has to wrap somewhere: $(date --iso-8601=seconds) and then some more words\"";
    let delete = json!({ "command": delete, "description": "Remove what the build left behind" });
    let question =
        json!({ "question": "Which of the two folders may go?", "choices": ["build", "target", "both"] });
    let script = Script::replies([
        Reply::reasoning("The user wants a tidy folder. First look at what is there.")
            .then_text("I look at the folder first. ")
            .then_tool_call("bash", list),
        Reply::text(
            "There are a few leftovers of the build.\n\n- `build/` with 3 files\n- `a.tmp`\n\nLet me ask. ",
        )
        .then_tool_call("ask_user", question),
        Reply::text("Then I remove it. ").then_tool_call("bash", delete),
        Reply::text(
            "## The folder is tidy now\n\n> As `make clean` leaves it, see [its page](https://example.com/make/clean).\n\n\
             | file | what it was |\n|---|---|\n| `build/` | object files, which the next build writes again |\n\
             | `a.tmp` | a leftover |\n\n1. Nothing else has changed.\n2. ~~`target/`~~ stays.\n\n```sh\nmake all\n```\n",
        ),
    ]);
    let (real, browser) = tokio::join!(Real::start(script), Browser::start());
    let page = browser.open(&real.url()).await;
    page.until("document.querySelector('#connection').textContent === 'connected'").await;
    look(&page, "empty").await;
    page.click("#create button").await;
    page.enter("#prompt", "Tidy up this folder, but ask before you delete anything.").await;
    page.click("#send").await;
    page.click(".ask .approve").await;
    page.until("document.querySelector('.ask.question')").await;
    look(&page, "question").await;
    page.click(".ask .choice").await;
    page.until("document.querySelector('.ask.permission')").await;
    look(&page, "permission").await;
    page.click(".ask .approve").await;
    page.until("document.querySelector('.node.turn.done')").await;
    page.eval("document.querySelectorAll('.node.tool > details').forEach(details => details.open = true)")
        .await;
    page.eval("document.querySelector('#work').scrollTop = 1e6").await;
    look(&page, "done").await;
    real.stop().await;
}
