//! Enums whose variants have names on the outside: one row for each variant.
//!
//! Came from: `ledger`, `technique` and `close`, which declare such enums. Goes to: the same, with
//! a list of all variants and the name of each. Absent on purpose: reading a name; the few that are
//! read are looked up in the list.

/// Declares a `Copy` enum. A row is a variant and the name that reports, logs and metrics have for
/// it; a sentence behind the name is the variant's documentation and can be asked for.
macro_rules! named {
    (
        $(#[$about:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])* $variant:ident = $word:literal;)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them, in the order of the docs.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant),*];

            /// The name on the outside.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
    (
        $(#[$about:meta])*
        pub enum $name:ident {
            $($variant:ident = $word:literal, $sentence:literal;)*
        }
    ) => {
        $crate::named::named! {
            $(#[$about])*
            pub enum $name { $(#[doc = $sentence] $variant = $word;)* }
        }

        impl $name {
            /// What it means, in a sentence.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}
pub(crate) use named;
