//! Makes the pictures of `sdk/examples/README.md`: `pictures FOLDER CHAT DESK REVIEW DEMO`, where all but the first are
//! programs; run by `cargo xtask gallery --pictures`.
//!
//! The programs run on the real CLI with a scripted model: those of the terminal in a terminal of this program, whose
//! cells become an SVG, and those with a page in Chromium.

#[cfg(unix)]
mod png;
#[cfg(unix)]
mod scenes;
#[cfg(unix)]
mod svg;

#[cfg(unix)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = std::env::args_os().skip(1).map(std::path::PathBuf::from).collect::<Vec<_>>();
    let [folder, chat, desk, review, demo] = &arguments[..] else {
        return Err("give the folder, and the programs chat, desk, review and demo".into());
    };
    std::fs::create_dir_all(folder)?;
    // The pictures show the path of a folder, so another run, which has the same one, must wait. A file to lock would
    // belong to the user of the first run, and stay.
    let lock = std::fs::File::open(std::env::temp_dir())?;
    lock.lock()?;
    scenes::demo(folder, demo)?;
    scenes::chat(folder, chat).await?;
    scenes::review(folder, review).await?;
    let browser = copilot_session_tests::browser::Browser::start().await;
    scenes::desk(folder, desk, &browser).await?;
    scenes::viewer(folder, &browser).await
}

#[cfg(not(unix))]
fn main() -> Result<(), &'static str> {
    Err("the pictures are made on Linux or macOS")
}
