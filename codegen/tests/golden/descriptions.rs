// --- types/full/others.rs

/// Runs it.
///
/// ```text
/// let x = ;
/// ```
///
/// Then:
///
/// ```text
/// ls -l <x>
/// ```
///
///    no code
pub type Code = String;

/// - one
///    - two
///
///    three
#[derive(Clone)]
#[non_exhaustive]
pub struct List {
    /// Turned\u{202e}, rung\u{7}.
    pub a: Option<String>,
}
record!(received List {
    Optional a "a",
});

/// ~~~text
/// ```
/// without an end
/// ~~~
pub type Open = String;
