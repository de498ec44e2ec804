//! Hand-written; every module below it is written by `cargo xtask codegen`.

// The schema's prose is not written for rustdoc; its types are as large, its names as they are.
#![allow(rustdoc::all, missing_docs)]
#![allow(clippy::large_enum_variant, clippy::should_implement_trait, clippy::type_complexity)]
#![allow(clippy::box_default, clippy::too_many_arguments, deprecated)]

/// Types that stand for methods of one kind, each with the name on the wire, the params and the result.
macro_rules! methods {
    ($of:ident { $($marker:ident $name:literal($params:ty) $(-> $result:ty)?,)* }) => {$(
        #[doc = concat!("`", $name, "`.")]
        pub enum $marker {}
        impl $of for $marker {
            const NAME: &'static str = $name;
            type Params = $params;
            $(type Result = $result;)?
        }
    )*};
}

#[rustfmt::skip]
pub(crate) mod event_requests;
#[rustfmt::skip]
pub(crate) mod hooks;
#[allow(dead_code, reason = "hand-written code names some of all kinds")]
#[rustfmt::skip]
pub(crate) mod kind;
#[rustfmt::skip]
pub mod methods;
#[rustfmt::skip]
pub(crate) mod secrets;
#[rustfmt::skip]
pub mod server_rpc;
#[rustfmt::skip]
pub mod session_event;
#[rustfmt::skip]
pub mod session_rpc;
#[rustfmt::skip]
pub mod types;
#[rustfmt::skip]
pub mod version;
