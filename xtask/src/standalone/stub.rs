//! The SDK's generated code and its `wire` module, with only the signatures of the other items that generated code
//! uses.

#![allow(warnings, reason = "the crate is only checked for errors")]
#![recursion_limit = "512"]

// The name of the SDK, for the table of all types.
extern crate self as copilot_session;

#[macro_use]
pub mod wire;
mod generated;
mod printable;
#[path = "generated/providers.rs"]
mod traits;

use providers::{ClientContext, HandlerContext, HandlerTimeout, Provider, RpcError, decode, encode, unhandled};

pub use generated::{methods, server_rpc, session_event, session_rpc, types};

pub mod events {
    use crate::wire::{DecodeError, Node, Wire, Writer};

    #[derive(Debug, Clone)]
    pub struct SessionEvent(serde_json::Value);

    #[derive(Debug, Clone, PartialEq)]
    pub struct MalformedEvent {
        pub kind: String,
    }

    #[derive(Debug, Clone, PartialEq)]
    pub struct UnrecognizedEvent {
        pub kind: String,
    }

    impl Wire for SessionEvent {
        fn empty() -> Self {
            Self(serde_json::Value::Null)
        }
        fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
            self.0.read(node)
        }
        fn write(&self, out: &mut Writer) {
            self.0.write(out);
        }
    }
}

pub mod handlers {
    pub mod event_request {
        use crate::wire::Wire;

        pub trait EventRequest: Wire + Send + 'static {
            const KIND: &'static str;
            const METHOD: &'static str;
            const KEY: Option<&'static str>;
            type Response: Wire + Send + 'static;
        }
    }

    pub mod hooks {
        use crate::wire::Wire;

        pub trait Hook: Wire + Send + 'static {
            const TYPE: &'static str;
            type Output: HookOutput;
        }

        pub trait HookOutput: Wire + Default + Send + 'static {}
    }
}

pub mod providers {
    use std::future::{Ready, ready};
    use std::marker::PhantomData;
    use std::sync::Arc;

    use crate::rpc::ClientMethod;
    use crate::wire::Wire;

    pub struct ClientContext;
    pub struct HandlerContext;
    pub struct RpcError;
    pub struct Provider<Context>(PhantomData<fn() -> Context>);

    pub trait HandlerTimeout: Send + 'static {}

    impl HandlerTimeout for ClientContext {}

    impl RpcError {
        pub fn unhandled(_: &str) -> Self {
            Self
        }
    }

    impl<Context: HandlerTimeout> Provider<Context> {
        pub fn of<P, F, Fut>(_: P, _: &[&'static str], _: F) -> Self
        where
            P: Send + Sync + 'static,
            F: Fn(Arc<P>, &'static str, Box<str>, Context) -> Fut + Copy + Send + Sync + 'static,
            Fut: Future<Output = Result<String, RpcError>> + Send + 'static,
        {
            Self(PhantomData)
        }
    }

    pub fn decode<M: ClientMethod>(_: &str) -> Result<M::Params, RpcError> {
        Err(RpcError)
    }

    pub fn encode(_: &dyn Wire) -> Result<String, RpcError> {
        Err(RpcError)
    }

    pub fn unhandled<M: ClientMethod, Context>(_: M::Params, _: Context) -> Ready<Result<M::Result, RpcError>> {
        ready(Err(RpcError))
    }
}

pub mod rpc {
    use crate::wire::Wire;

    pub trait ClientMethod {
        const NAME: &'static str;
        type Params: Wire + Send + 'static;
        type Result: Wire + Send + 'static;
    }

    pub trait ServerMethod {
        const NAME: &'static str;
        type Params: Wire + Send + 'static;
        type Result: Wire + Send + 'static;
    }

    pub trait Notification {
        const NAME: &'static str;
        type Params: Wire + Send + 'static;
    }
}

pub mod call {
    use std::marker::PhantomData;

    use crate::wire::Wire;

    #[derive(Debug)]
    pub struct Caller;

    impl Caller {
        pub(crate) fn call<R>(&self, _: &'static str, _: &dyn Wire) -> Call<R> {
            Call(PhantomData)
        }

        pub(crate) fn call_with_login<R>(&self, _: &'static str, _: &dyn Wire) -> Call<R> {
            Call(PhantomData)
        }
    }

    pub struct Call<R>(PhantomData<fn() -> R>);

    impl<R> Call<R> {
        pub(crate) fn timeout(self, _: Option<std::time::Duration>) -> Self {
            self
        }
    }
}
