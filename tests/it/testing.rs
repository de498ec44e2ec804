//! The fake CLI that users of the crate have for their tests.

mod aborts;
mod faults;
mod program;
mod recordings;
mod turns;
mod typed;

use std::panic::{AssertUnwindSafe, catch_unwind};

use copilot_session::testing::FakeCli;

/// The failure that the end of a test with this fake reports.
fn complaint(fake: FakeCli) -> String {
    let end = catch_unwind(AssertUnwindSafe(|| fake.finish()));
    let panic = end.expect_err("a failure of the fake");
    panic.downcast_ref::<String>().expect("a text").clone()
}
