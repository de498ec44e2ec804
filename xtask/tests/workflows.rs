//! Checks that the workflows and the action, which run on GitHub only, can be parsed.

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

/// A job without the CLI leaves out the packages whose tests start it, and a job with it runs them.
#[test]
fn tests_on_the_cli_run_where_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join(".github/workflows/ci.yml")).expect("a text");
    let workflow = &YamlLoader::load_from_str(&text).expect("YAML")[0];
    let steps = |job: &str| {
        let steps = workflow["jobs"][job]["steps"].as_vec().expect("a list of steps");
        steps.iter().filter_map(|step| step["run"].as_str()).collect::<Vec<_>>()
    };
    let mut packages = 0;
    for example in fs::read_dir(root.join("sdk/examples")).expect("the examples") {
        let folder = example.expect("an entry of the folder").path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Those of the desk are below a folder, and need a feature.
        let test = fs::read_to_string(folder.join("tests").join(&name).with_extension("rs"));
        if !test.is_ok_and(|test| test.contains("cli_path()")) {
            continue;
        }
        packages += 1;
        for step in steps("elsewhere").iter().filter(|step| step.starts_with("cargo test")) {
            let runs = step.contains("--workspace") && !step.contains(&format!("--exclude {name} "));
            let runs_more = step.contains(&format!("--package {name} ")) && !step.contains("--bins");
            assert!(!runs && !runs_more, "{name}: {step}");
        }
        assert!(steps("real").iter().any(|step| step.contains(&format!("--package {name} "))), "{name}");
    }
    assert!(packages > 0);
}

#[test]
fn every_step_of_the_action_has_a_shell() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/actions/drift/action.yml");
    let text = fs::read_to_string(path).expect("a text");
    let action = &YamlLoader::load_from_str(&text).expect("YAML")[0];
    assert_eq!(action["runs"]["using"].as_str(), Some("composite"));
    let steps = action["runs"]["steps"].as_vec().expect("a list of steps");
    for step in steps {
        let runs = step["run"].as_str().is_some() && step["shell"].as_str() == Some("bash");
        assert!(runs != step["uses"].as_str().is_some(), "{step:?}");
    }
    // An output of a step that does not exist would be empty.
    let code = action["outputs"]["code"]["value"].as_str().expect("a value");
    assert!(code.contains("steps.drift.") && steps.iter().any(|step| step["id"].as_str() == Some("drift")));
}
