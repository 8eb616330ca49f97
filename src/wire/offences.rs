//! What a peer can do wrong, as tables: the form of every decoder's error enum.
//!
//! Came from: the decoders of `wire`, and the rules of `conn`. Goes to: the answer, the Close
//! frame, and `docs/reference/errors.md`. Absent on purpose: the offences; each decoder has its
//! own.

/// Declares the error enum of a decoder as one table: a row is the offence, what it is answered
/// with, its name on the wire, and the sentence that tells the offence and the remedy, which is the
/// variant's documentation as well. So nobody can add an offence and forget a part.
///
/// What an offence is answered with is a `Status` unless the table says otherwise:
/// `enum FrameError: close_code -> CloseCode` names the method and its type. A decoder that passes
/// on what another one found says so in the same line: `, Frame(FrameError)`.
macro_rules! offences {
    (
        $(#[$about:meta])*
        pub enum $name:ident { $($rows:tt)* }
    ) => {
        $crate::wire::offences::offences! {
            $(#[$about])*
            pub enum $name: status -> $crate::wire::response::Status { $($rows)* }
        }
    };
    (
        $(#[$about:meta])*
        pub enum $name:ident: $answer:ident -> $type:ty $(, $outer:ident($inner:ident))? {
            $($offence:ident = $value:ident, $code:literal, $detail:literal;)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("See [`", stringify!($inner), "`].")] $outer($inner),)?
            $(#[doc = $detail] $offence,)*
        }

        impl $name {
            /// Every offence, in the order of declaration; first those that are passed on.
            pub const ALL: &[Self] = {
                const OWN: &[$name] = &[$($name::$offence),*];
                const COUNT: usize = OWN.len() $(+ $inner::ALL.len())?;
                const ALL: [$name; COUNT] = {
                    let mut all = [OWN[0]; COUNT];
                    let mut n = 0;
                    $(while n < $inner::ALL.len() {
                        all[n] = $name::$outer($inner::ALL[n]);
                        n += 1;
                    })?
                    let passed_on = n;
                    while n < COUNT {
                        all[n] = OWN[n - passed_on];
                        n += 1;
                    }
                    all
                };
                &ALL
            };

            /// What it is answered with.
            pub const fn $answer(self) -> $type {
                match self {
                    $(Self::$offence => <$type>::$value,)*
                    $(Self::$outer(error) => error.$answer(),)?
                }
            }

            /// The offence's name in a problem body, in metrics and in logs.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$offence => $code,)*
                    $(Self::$outer(error) => error.code(),)?
                }
            }

            /// The offence and its remedy, in one sentence.
            pub const fn detail(self) -> &'static str {
                match self {
                    $(Self::$offence => $detail,)*
                    $(Self::$outer(error) => error.detail(),)?
                }
            }
        }
    };
}
pub(crate) use offences;
