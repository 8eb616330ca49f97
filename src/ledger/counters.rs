//! Counters, one row for each: the field, what it counts, its key in JSON, its metric, its help.
//!
//! From a row come the field, the sum over the threads, what was added between two moments, the
//! member of `/-/costs` and the sample of `/metrics`. So a new counter is one row, and the place
//! that counts.
//!
//! Came from: `account` and `tcp`, which declare what they count. Goes to: `report`, which writes
//! what the rows say. Absent on purpose: gauges, which are looked up and not counted.

/// Whether bytes, calls and deliveries are counted. They are; a build without shows the cost.
pub const CHARGES: bool = !cfg!(feature = "uncharged");

/// How one counter of a `T` is shown as a metric.
#[derive(Clone, Copy, Debug)]
pub struct Counter<T> {
    /// The name of its own metric, without `tollway_` and `_total`; without `help`, the value of
    /// its label in the metric that it shares with its neighbours.
    pub metric: &'static str,
    /// The help of its own metric.
    pub help: Option<&'static str>,
    /// Its number.
    pub read: fn(&T) -> u64,
}

/// Declares counters. A row is `field = "key in JSON", "metric", "help";`. Without a help the
/// counter is a sample of a metric that it shares, and `"metric"` its label; left out as well, the
/// label is the key.
///
/// A plain struct is an object of `/-/costs` as it stands. A struct of groups has the counters of
/// all its groups as its own fields, and `others` that can be added up; each group is an object of
/// `/-/costs`, made of it.
macro_rules! counters {
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $(
                $(#[$doc:meta])*
                $field:ident = $key:literal $(, $metric:literal $(, $help:literal)?)?;
            )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $($(#[$doc])* #[serde(rename = $key)] pub $field: u64,)*
        }

        impl $name {
            /// How each of them is shown as a metric.
            pub const COUNTERS: &[$crate::ledger::counters::Counter<Self>] = &[$(
                $crate::ledger::counters::Counter {
                    metric: $crate::ledger::counters::counters!(@last $key $(, $metric)?),
                    help: $crate::ledger::counters::counters!(@help $($($help)?)?),
                    read: |counters| counters.$field,
                },
            )*];

            /// What was added after `before`; 0 where that was not the earlier one.
            #[must_use]
            pub const fn since(&self, before: &Self) -> Self {
                Self { $($field: self.$field.saturating_sub(before.$field),)* }
            }
        }

        impl std::ops::AddAssign<&Self> for $name {
            fn add_assign(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
            }
        }
    };
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $(
                $(#[$group_about:meta])*
                pub struct $group:ident {
                    $(
                        $(#[$doc:meta])*
                        $field:ident = $key:literal $(, $metric:literal $(, $help:literal)?)?;
                    )*
                }
            )*
            others {
                $($(#[$other_doc:meta])* $other:ident: $type:ty;)*
            }
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            $($($(#[$doc])* pub $field: u64,)*)*
            $($(#[$other_doc])* pub $other: $type,)*
        }

        impl std::ops::AddAssign<&Self> for $name {
            fn add_assign(&mut self, other: &Self) {
                $($(self.$field += other.$field;)*)*
                $(self.$other += &other.$other;)*
            }
        }

        $(
            $crate::ledger::counters::counters! {
                $(#[$group_about])*
                pub struct $group {
                    $(
                        $(#[$doc])*
                        $field = $key $(, $metric $(, $help)?)?;
                    )*
                }
            }

            impl From<&$name> for $group {
                fn from(all: &$name) -> Self {
                    Self { $($field: all.$field,)* }
                }
            }
        )*
    };
    (@last $key:literal) => { $key };
    (@last $key:literal, $metric:literal) => { $metric };
    (@help) => { None };
    (@help $help:literal) => { Some($help) };
}
pub(crate) use counters;
