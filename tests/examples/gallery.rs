//! A page of each recording, and one that lists them; run by `cargo xtask gallery`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use copilot_session_view::write_page;

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Recordings</title>\n\
<style>:root { color-scheme: light dark } body { font: 16px/1.6 system-ui, sans-serif; max-width: 60rem; margin: auto; \
padding: 1rem } ul { columns: 20rem; padding-left: 1.2rem } li { break-inside: avoid }</style>\n</head>\n<body>\n\
<h1>Recordings of real Copilot CLIs</h1>\n";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("give the folder to write to")?);
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    fs::create_dir_all(&folder)?;
    let (mut list, mut count) = (HEAD.to_owned(), 0);
    for (heading, part) in [("Scenarios", ""), ("Turns", "turns")] {
        write!(list, "<h2>{heading}</h2>\n<ul>\n")?;
        for log in logs(&recordings.join(part))? {
            let name = log.file_stem().unwrap_or_default().to_string_lossy();
            let page = if part.is_empty() { format!("{name}.html") } else { format!("{part}-{name}.html") };
            let page_file = BufWriter::new(File::create(folder.join(&page))?);
            let read = write_page(&name, BufReader::new(File::open(&log)?), page_file)?;
            let turns = if read.turns() == 1 { "turn" } else { "turns" };
            writeln!(list, "<li><a href=\"{page}\">{name}</a> ({} {turns})</li>", read.turns())?;
            count += 1;
        }
        list += "</ul>\n";
    }
    list += "</body>\n</html>\n";
    fs::write(folder.join("index.html"), list)?;
    println!("{} lists {count} pages.", folder.join("index.html").display());
    Ok(())
}

/// The recordings in a folder, sorted by name.
fn logs(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    paths.sort();
    Ok(paths)
}
