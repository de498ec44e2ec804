//! The methods and notifications of the protocol as types.

use crate::wire::Wire;

/// A method that the CLI calls on this client. The types that implement it are in
/// [`methods`](crate::methods).
pub trait ClientMethod {
    /// The method's name on the wire.
    const NAME: &'static str;
    /// The params of a request, without the `sessionId`.
    type Params: Wire + Send + 'static;
    /// The result.
    type Result: Wire + Send + 'static;
}

/// A method that this client calls on the CLI, and that a fake CLI answers. The types that implement it are
/// in [`methods`](crate::methods).
#[cfg(feature = "testing")]
pub trait ServerMethod {
    /// The method's name on the wire.
    const NAME: &'static str;
    /// The params of a request; for a method of a session without the `sessionId`.
    type Params: Wire + Send + 'static;
    /// The result.
    type Result: Wire + Send + 'static;
}

/// A notification of the CLI, which needs no response.
pub trait Notification {
    /// The notification's name on the wire.
    const NAME: &'static str;
    /// The params of the notification.
    type Params: Wire + Send + 'static;
}
