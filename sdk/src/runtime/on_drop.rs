//! Work to be done however a function or a future ends.

/// Calls a closure when it is dropped.
#[must_use = "the closure is called when this is dropped"]
pub(crate) struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
