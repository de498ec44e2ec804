//! Finds the schemas: the folder `schema` of the package, which is a link in the repository.

use std::env;
use std::path::Path;

fn main() {
    let package = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    // A checkout on a system without links has a file with the link's text.
    let folders = ["schema", "../../schema"].map(|folder| Path::new(&package).join(folder));
    let found = folders.iter().find(|folder| folder.is_dir()).expect("the package has no schemas");
    println!("cargo::rustc-env=SCHEMAS={}", found.display());
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={package}/schema");
}
