//! A program that forks, and prints the id of the session that each of its two children makes on a CLI.

#[cfg(unix)]
#[allow(unsafe_code, reason = "no safe code can fork")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Like most programs, this one creates a `HashSet` before it forks. That leaves this thread's random
    // numbers in the memory that both children inherit.
    assert!(!std::collections::HashSet::from(["used"]).is_empty());
    for _ in 0..2 {
        // SAFETY: this process has one thread, so no other can hold a lock that the child would wait for.
        match unsafe { libc::fork() } {
            -1 => return Err(std::io::Error::last_os_error().into()),
            0 => return child(),
            // SAFETY: the status pointer is null, so nothing is written.
            child => assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child),
        }
    }
    Ok(())
}

#[cfg(unix)]
#[tokio::main(flavor = "current_thread")]
async fn child() -> Result<(), Box<dyn std::error::Error>> {
    use copilot_session::{Client, testing::FakeCli};
    let fake = FakeCli::start();
    let client = fake.connect(Client::builder()).await?;
    println!("{}", client.session().deny_all().create().await?.id());
    Ok(())
}

#[cfg(not(unix))]
fn main() {}
