//! The list of what is tested here is whole: it is held against the sources of the SDK.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Futures that are public where they stand, in modules or types that are not.
const INTERNAL: [&str; 7] = [
    "Connection::closed",
    "Frames::next",
    "Opening::open",
    "Sessions::admit",
    "Shared::find",
    "Source::kill",
    "Source::start",
];

/// How docs say how long something takes.
const TIMES: [&str; 7] = [
    "at most",
    "no time limit",
    "no longer than",
    "in this time",
    "in a minute",
    "in half of the fake's life",
    "as long as it takes",
];

/// The docs of each public future, by its name: `Type::function`, or `Trait for Type`, which has none.
type Futures = BTreeMap<String, String>;

/// Reads all sources below the folder that were written by hand.
fn read(folder: &Path, futures: &mut Futures) {
    for entry in fs::read_dir(folder).expect("the sources").map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_name().expect("a name").to_string_lossy().into_owned();
        if entry.is_dir() && name != "generated" {
            read(&entry, futures);
        } else if name.ends_with(".rs") {
            find(&fs::read_to_string(&entry).expect("a source"), futures);
        }
    }
}

/// Finds the futures of one source.
fn find(source: &str, futures: &mut Futures) {
    let lines: Vec<&str> = source.lines().collect();
    let (mut owner, mut docs) = (String::new(), String::new());
    for (index, line) in lines.iter().enumerate() {
        let code = line.trim();
        if let Some(doc) = code.strip_prefix("///") {
            docs += doc;
            continue;
        }
        if let Some((name, of)) = line.strip_prefix("impl").and_then(implemented) {
            if matches!(name, "Future" | "IntoFuture" | "Stream") {
                futures.insert(format!("{name} for {of}"), String::new());
            }
            owner = of.to_owned();
        }
        if code.starts_with("pub ") && gives_a_future(&lines[index..]) {
            let name = code.split_once("fn ").expect("a function").1;
            let name = name.split(['(', '<']).next().expect("a name");
            futures.insert(format!("{owner}::{name}"), docs.clone());
        }
        if !code.starts_with('#') {
            docs.clear();
        }
    }
}

/// The trait, if it is of one, and the type that follow `impl`.
fn implemented(rest: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    let end = rest.find(|c| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        depth == 0
    })?;
    let rest = rest[end..].trim_start_matches(['>', ' ']);
    let (name, of) = rest.split_once(" for ").unwrap_or(("", rest));
    let name = name.split('<').next()?.rsplit(':').next()?;
    Some((name, of.split(['<', ' ']).next()?))
}

/// Whether what begins here is a function that is awaited.
fn gives_a_future(lines: &[&str]) -> bool {
    let end = lines.iter().position(|line| line.contains(['{', ';'])).map_or(lines.len(), |end| end + 1);
    let signature = lines[..end].join(" ");
    let head = signature.split('(').next().unwrap_or_default();
    if !head.contains("fn ") {
        return false;
    }
    let given = signature.rsplit("-> ").next().unwrap_or_default();
    let kinds = ["impl Future", "impl IntoFuture", "impl Stream", "Pin<Box<dyn Future", "Call<"];
    head.contains("async fn ")
        || (signature.contains("-> ") && kinds.iter().any(|kind| given.starts_with(kind)))
}

fn sources() -> Futures {
    let mut futures = Futures::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/src"), &mut futures);
    for internal in INTERNAL {
        assert!(futures.remove(internal).is_some(), "there is no {internal} any more");
    }
    // What a client asks for inside the crate has no public type.
    futures.retain(|name, _| !name.starts_with("Caller::"));
    futures
}

/// The names in the texts of the tests beside this one.
fn tested() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/silence");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the tests").map(|entry| entry.expect("an entry").path()) {
        if entry.ends_with("listed.rs") {
            continue;
        }
        let source = fs::read_to_string(&entry).expect("a test");
        let texts = source.split('"').skip(1).step_by(2).map(str::to_owned);
        names.extend(texts.filter(|text| is_name(text)));
    }
    names
}

fn is_name(text: &str) -> bool {
    let word = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == '_');
    let path = text.starts_with(|c: char| c.is_uppercase()).then(|| text.split_once("::")).flatten();
    let (start, end) = path.or(text.split_once(" for ")).unwrap_or(("", " "));
    word(start) && word(end)
}

/// A future that is added has to be tested on a silent peer, too.
#[test]
fn all_are_tested() {
    let (there, tested) = (sources(), tested());
    let there: BTreeSet<String> = there.into_keys().collect();
    let untested: Vec<_> = there.difference(&tested).collect();
    let gone: Vec<_> = tested.difference(&there).collect();
    assert!(untested.is_empty() && gone.is_empty(), "not tested: {untested:?}; not there: {gone:?}");
    assert!(there.len() > 60, "{}", there.len());
}

/// The docs of each say how long it takes.
#[test]
fn all_say_how_long() {
    let silent = sources()
        .into_iter()
        .filter(|(name, docs)| !name.contains(" for ") && !TIMES.iter().any(|time| docs.contains(time)));
    let silent: Vec<_> = silent.map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "no word on how long they take: {silent:?}");
}

/// The reader finds what it is to find.
#[test]
fn the_reader_reads() {
    let source = "
impl<R: Wire> Call<R> {
    /// Waits for ever.
    #[inline]
    pub async fn first<T>(self) {
    pub(crate) async fn hidden(self) {
    pub fn second(
        self,
    ) -> impl Future<Output = ()> + Send {
    pub fn handle<F: Fn() -> Fut, Fut: Future>(self, handle: F) -> Self {
}
impl<T: Deliver<Of<X>>> futures_core::Stream for Events<T> {
impl Drop for Call {
";
    let mut futures = Futures::new();
    find(source, &mut futures);
    let names: Vec<_> = futures.iter().map(|(name, docs)| (name.as_str(), docs.as_str())).collect();
    assert_eq!(names, [("Call::first", " Waits for ever."), ("Call::second", ""), ("Stream for Events", "")]);
}
