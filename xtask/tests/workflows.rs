//! Checks that the workflows, which run on GitHub only, can be parsed.

use std::fs;
use std::path::Path;

use yaml_rust2::{Yaml, YamlLoader};

#[test]
fn every_step_of_the_workflows_can_be_parsed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/workflows");
    let entries = fs::read_dir(&folder).expect("the folder of the workflows");
    let mut steps = 0;
    for path in entries.map(|entry| entry.expect("an entry of the folder").path()) {
        let text = fs::read_to_string(&path).expect("a text");
        let workflow =
            YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let jobs = workflow[0]["jobs"].as_hash().unwrap_or_else(|| panic!("{}: no jobs", path.display()));
        for step in jobs.values().flat_map(|job| job["steps"].as_vec().expect("a list of steps")) {
            let is_text = |key| matches!(&step[key], Yaml::String(text) if !text.is_empty());
            assert!(is_text("run") != is_text("uses"), "{}: {step:?}", path.display());
            steps += 1;
        }
    }
    assert!(steps > 0);
}
