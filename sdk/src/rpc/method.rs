//! The methods and notifications of the protocol as types.

use crate::wire::Wire;

/// A method that the CLI calls on us. The types that implement it stand in [`methods`](crate::methods).
pub trait ClientMethod {
    /// The method's name on the wire.
    const NAME: &'static str;
    /// The params of a request, without the `sessionId`.
    type Params: Wire + Send + 'static;
    /// The result that a request is answered with.
    type Result: Wire + Send + 'static;
}

/// A method that we call on the CLI, which a fake CLI answers. The types that implement it stand in
/// [`methods`](crate::methods).
#[cfg(feature = "testing")]
pub trait ServerMethod {
    /// The method's name on the wire.
    const NAME: &'static str;
    /// The params of a request; for a method of a session without the `sessionId`.
    type Params: Wire + Send + 'static;
    /// The result that a request is answered with.
    type Result: Wire + Send + 'static;
}

/// Something the CLI tells us without wanting an answer.
pub trait Notification {
    /// The notification's name on the wire.
    const NAME: &'static str;
    /// The params of the notification.
    type Params: Wire + Send + 'static;
}
