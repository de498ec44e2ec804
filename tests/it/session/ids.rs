//! The ids of new sessions.

use std::process::Command;

/// Two processes that forked from one create sessions with different ids.
#[test]
fn two_children_of_a_fork() {
    let output = Command::new(env!("CARGO_BIN_EXE_forked")).output().expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let ids: Vec<&str> = text.lines().collect();
    let [one, other] = ids[..] else {
        panic!("not two ids: {text} {}", String::from_utf8_lossy(&output.stderr))
    };
    assert_eq!((one.len(), other.len()), (36, 36));
    assert_ne!(one, other);
}
