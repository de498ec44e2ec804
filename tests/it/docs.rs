//! Promises of the documentation.

use std::path::{Path, PathBuf};

const GUIDE: &str = include_str!("../../sdk/docs/guide.md");
const SERVER: &str = include_str!("../../sdk/docs/server.md");
const README: &str = include_str!("../../README.md");
/// The page of the crate on crates.io, and the root of its docs.
const CRATE: &str = include_str!("../../sdk/README.md");
const MANIFEST: &str = include_str!("../../sdk/Cargo.toml");
const STABILITY: &str = include_str!("../../sdk/docs/stability.md");
const OFFICIAL: &str = include_str!("../../sdk/docs/official.md");
/// The page of the scripted model.
const MODEL: &str = include_str!("../model/README.md");
const OWN_AGENT: &str = include_str!("real/own_agent.rs");
/// The page of the examples.
const PROGRAMS: &str = include_str!("../../sdk/examples/README.md");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/examples");
/// The policies that tests try to circumvent on the real CLI.
const POLICIES: &str = include_str!("../../sdk/examples/policies/policies.rs");
const PYTHON: &str = include_str!("../../sdk/docs/python.md");
const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");
const CONTRIBUTING: &str = include_str!("../../CONTRIBUTING.md");
const LIB: &str = include_str!("../../sdk/src/lib.rs");

/// The contents of the guide are its sections, in their order.
#[test]
fn the_guide_has_a_table_of_contents() {
    let (_, rest) = GUIDE.split_once("\n## Contents\n").expect("contents");
    let (contents, _) = rest.split_once("\n## ").expect("a section");
    let linked: Vec<(&str, &str)> = contents
        .split('[')
        .skip(1)
        .map(|link| link.split_once(')').expect("a link").0.split_once("](#").expect("a link to a section"))
        .collect();
    let sections: Vec<&str> = rest.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(linked.iter().map(|(title, _)| *title).collect::<Vec<_>>(), sections);
    for (title, anchor) in linked {
        let letters = title.chars().filter(|letter| letter.is_alphanumeric() || *letter == ' ');
        assert_eq!(anchor, letters.collect::<String>().to_lowercase().replace(' ', "-"));
    }
}

/// The guide links to every example, and to no file that does not exist.
#[test]
fn the_guide_links_to_the_examples() {
    let linked: Vec<&str> = GUIDE
        .lines()
        .filter_map(|line| {
            line.split_once("]: https://docs.rs/crate/copilot-session/latest/source/examples/")
        })
        .inspect(|(name, _)| assert!(GUIDE.contains(&format!("Example: {name}]")), "{name}"))
        .map(|(_, path)| path)
        .collect();
    for path in &linked {
        assert!(Path::new(EXAMPLES).join(path).is_file(), "there is no {path}");
    }
    for (path, _) in
        examples().into_iter().filter(|(path, _)| path != "fake_cli.rs" && path != "common/mod.rs")
    {
        let folder = path.split_once('/').map_or(&*path, |(folder, _)| folder);
        assert!(linked.iter().any(|linked| linked.starts_with(folder)), "no link to {path}");
    }
}

/// The table of the examples has each program with its file and a few words, and no other.
#[test]
fn the_page_of_the_examples_lists_the_programs() {
    let rows = PROGRAMS.lines().filter_map(|line| line.strip_prefix("| [`")?.strip_suffix(" |"));
    let listed: Vec<&str> = rows
        .map(|row| {
            let (name, rest) = row.split_once("`](").expect("a link");
            let (path, words) = rest.split_once(") | ").expect("a second cell");
            let file = path.strip_prefix(name).unwrap_or_default();
            assert!([".rs", "/policies.rs"].contains(&file) && !words.is_empty(), "{row}");
            assert!(Path::new(EXAMPLES).join(path).is_file(), "there is no {path}");
            name
        })
        .collect();
    let is_program = |(path, source): (String, String)| {
        let name = path.trim_end_matches("/main.rs").trim_end_matches(".rs").to_owned();
        source.contains("fn main()").then_some(name)
    };
    let mut programs: Vec<String> = examples().into_iter().filter_map(is_program).collect();
    programs.sort();
    assert_eq!(listed, programs);
}

/// An example can be read at once, and a program says what it shows and how to run it.
#[test]
fn examples_are_short() {
    let examples = examples();
    assert!(examples.len() > 12, "{} examples", examples.len());
    for (path, source) in examples {
        let name = path.trim_end_matches("/main.rs").trim_end_matches(".rs");
        if source.contains("fn main()") && name != "fake_cli" {
            let shows_how = source.contains(&format!("cargo run --example {name}"));
            assert!(source.starts_with("//! ") && shows_how && source.lines().count() < 120, "{path}");
        }
    }
}

/// The example on the page of the scripted model is a test on the real CLI. Only that test looks for the CLI elsewhere.
#[test]
fn the_example_of_the_model_is_run() {
    let example = MODEL.split_once("```rust,no_run\n").and_then(|(_, rest)| rest.split_once("```"));
    let test = OWN_AGENT.lines().skip(2).filter(|line| !line.contains("cli_path"));
    assert_eq!(example.expect("an example").0, test.map(|line| format!("{line}\n")).collect::<String>());
}

/// Every row of the table names tests on the real CLI that exist.
#[test]
fn the_table_names_tests() {
    let rows: Vec<&str> = PYTHON.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 30, "{} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
        for test in cells[2].split(", ") {
            let test = test.trim_matches('`');
            let (file, name) = test.rsplit_once("::").expect("a test's path");
            let path = format!("{}/it/real/{}.rs", env!("CARGO_MANIFEST_DIR"), file.replace("::", "/"));
            let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(
                source.contains(&format!("#[tokio::test]\nasync fn {name}()")),
                "{test} is not in {path}"
            );
        }
    }
}

/// The counterpart in each row of the table for users of the official crate is in an example of that page.
#[test]
fn the_counterparts_are_compiled() {
    let examples: String = OFFICIAL.split("```").skip(1).step_by(2).collect();
    let rows = OFFICIAL.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut count = 0;
    for row in rows.map(|row| row.replace("\\|", "\u{0}")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        assert!(cells.len() == 2, "{row}");
        for code in cells[1].split('`').skip(1).step_by(2) {
            // An ellipsis stands for what the example shows.
            for part in code.replace('\u{0}', "|").split('…').map(|part| part.trim_matches(')')) {
                assert!(examples.contains(part.trim()) || part.starts_with(".policy("), "{part}: {row}");
            }
        }
        count += 1;
    }
    assert!(count > 30, "{count} rows");
}

/// The page of the crate has the example of the repository's README, and leads to docs.rs only.
#[test]
fn the_page_of_the_crate_stands_alone() {
    let example = |page: &'static str| page.split("```").nth(1).expect("an example");
    assert_eq!(example(CRATE), example(README));
    assert!(README.contains("sdk/docs/official.md") && README.contains("sdk/docs/stability.md"));
    let mut links = 0;
    for line in CRATE.lines().filter(|line| line.starts_with('[') && line.contains("]: ")) {
        let page = line.split_once("https://docs.rs/copilot-session/latest/copilot_session/");
        let page = page.and_then(|(_, page)| page.strip_suffix("/index.html"));
        let page = page.unwrap_or_else(|| panic!("{line}"));
        assert!(LIB.contains(&format!("pub mod {page} {{}}")), "{line}");
        links += 1;
    }
    assert!(links > 8 && !CRATE.contains("](") && CRATE.matches("http").count() == links, "{links} links");
}

/// The versions on the pages are those of the crate.
#[test]
fn the_pages_have_the_versions() {
    let cli = copilot_session::CLI_VERSION;
    let rust = MANIFEST.lines().find_map(|line| line.strip_prefix("rust-version = \""));
    let rust = rust.and_then(|line| line.strip_suffix('"')).expect("the oldest Rust");
    let (minor, _) = env!("CARGO_PKG_VERSION").rsplit_once('.').expect("a version of three numbers");
    let row = STABILITY.lines().find(|line| line.starts_with(&format!("| {minor}"))).expect("its row");
    assert!(row.contains(&format!("| {cli} |")) && row.ends_with(&format!("| {rust} |")), "{row}");
    for page in [README, CRATE] {
        assert!(page.contains(&format!("for CLI {cli} and")) && page.contains(&format!("Rust {rust}")));
    }
    assert!(CRATE.contains(&format!("version = \"{minor}\"")));
}

/// Each line of an example that allows something is a line of a policy that is tested on the real CLI. The names of the
/// tools that it allows may be others, and the folder may be the current one.
#[test]
fn policies_are_tested() {
    let one_line = |text: &str| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut parts = text.split(".allow_tool(\"");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + part.split_once("\")").expect("the end of a name").1)
    };
    let tested = one_line(POLICIES);
    let allows =
        ["approve", "allow", "policy(", "on_permission(", "read_only", "is_within", "PreToolUseHookOutput::"];
    let mut count = 0;
    let programs = examples().into_iter().map(|(_, source)| format!("```\n{}```", without_comments(&source)));
    let docs = [GUIDE, SERVER, README, CRATE].map(str::to_owned).into_iter().chain(docs_of_the_source());
    for docs in docs.chain(programs) {
        let examples = docs.split("```").skip(1).step_by(2);
        // With a fake CLI no tool runs.
        for line in examples.filter(|example| !example.contains("FakeCli")).flat_map(str::lines) {
            let is_tested =
                ["deny_all()", "Policy::read_within(\".\"))"].iter().any(|policy| line.contains(policy));
            let harmless = line.starts_with("# ") || (is_tested && !line.contains(".allow_"));
            if !harmless && allows.iter().any(|word| line.contains(word)) {
                assert!(tested.contains(&one_line(line)), "no tested policy has the line {line}");
                count += 1;
            }
        }
    }
    assert!(count >= 10, "{count} lines");
}

/// Every path that the pages for contributors name exists.
#[test]
fn the_map_names_paths_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let is_path_letter = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    let is_path = |code: &&str| {
        let is_file = [".md", ".rs", ".json", ".toml"].iter().any(|end| code.ends_with(end));
        (is_file || code.contains('/')) && code.chars().all(is_path_letter)
    };
    let mut count = 0;
    for page in [ARCHITECTURE, CONTRIBUTING] {
        let prose = page.split("```").step_by(2);
        for path in prose.flat_map(|prose| prose.split('`').skip(1).step_by(2)).filter(is_path) {
            assert!(root.join(path).exists(), "{path} does not exist");
            count += 1;
        }
    }
    assert!(count > 100, "{count} paths");
}

/// The map lists the modules of the SDK, from the bottom to the top as `lib.rs` does.
#[test]
fn the_map_lists_the_modules() {
    let module = |line: &'static str| {
        let name = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?;
        Some(name.split_once(';')?.0)
    };
    let room = |line: &'static str| Some(line.strip_prefix("* **`")?.split_once('`')?.0);
    let modules: Vec<&str> = LIB.lines().filter_map(module).collect();
    let rooms: Vec<&str> = ARCHITECTURE.lines().filter_map(room).collect();
    assert_eq!(rooms, modules);
}

/// The path and the text of each source file of the examples, except for those that are packages.
fn examples() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in Path::new(EXAMPLES).read_dir().expect("the examples") {
        let path = entry.expect("an entry").path();
        let is_package = path.join("Cargo.toml").exists();
        let files = match path.is_dir() {
            true => path.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()).collect(),
            false => vec![path],
        };
        for file in
            files.into_iter().filter(|file| !is_package && file.extension().is_some_and(|end| end == "rs"))
        {
            let path = file.strip_prefix(EXAMPLES).expect("an example").to_string_lossy().replace('\\', "/");
            found.push((path, std::fs::read_to_string(file).expect("a source file")));
        }
    }
    found
}

/// The lines that are code.
fn without_comments(source: &str) -> String {
    let is_code = |line: &&str| !["//", "#["].iter().any(|start| line.trim_start().starts_with(start));
    source.lines().filter(is_code).map(|line| format!("{line}\n")).collect()
}

/// The doc comments in each handwritten source file.
fn docs_of_the_source() -> Vec<String> {
    let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/src"))];
    let mut docs = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("generated") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(path).expect("a source file");
                let lines = source.lines().map(str::trim_start);
                let lines = lines.filter_map(|line| line.strip_prefix("///").or(line.strip_prefix("//!")));
                let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
                docs.push(lines.collect::<Vec<_>>().join("\n"));
            }
        }
    }
    assert!(docs.len() > 50, "{} files", docs.len());
    docs
}
