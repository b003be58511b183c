//! What plans, limits and features are called.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, ErrorKind};

/// The most characters of a name.
const LONGEST: usize = 32;

/// Whether `name` is `[a-z][a-z0-9_]{0,31}`.
const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > LONGEST || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 1;
    while at < bytes.len() {
        if !matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'_') {
            return false;
        }
        at += 1;
    }
    true
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            #[doc = concat!("Names a ", $what, " that the program knows; make it a `const`.")]
            ///
            /// # Panics
            ///
            /// When `name` is not `[a-z][a-z0-9_]{0,31}`; in a `const` that is an error of the
            /// compiler.
            pub const fn new(name: &'static str) -> Self {
                assert!(
                    is_name(name),
                    "such a name has 1 to 32 of a-z, 0-9 and _, and starts with a letter"
                );
                Self(Cow::Borrowed(name))
            }

            #[doc = concat!("Reads the name of a ", $what, ".")]
            ///
            /// # Errors
            ///
            /// [`ErrorKind::InvalidName`] when it is not `[a-z][a-z0-9_]{0,31}`.
            pub fn parse(name: &str) -> Result<Self, Error> {
                if is_name(name) {
                    return Ok(Self(Cow::Owned(name.to_owned())));
                }
                let message = format!(
                    "{} name {name:?} is invalid: use 1 to {LONGEST} of a-z, 0-9 and _, starting \
                     with a letter",
                    $what
                );
                Err(Error::new(ErrorKind::InvalidName, message))
            }

            /// The bare name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self, Error> {
                Self::parse(name)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = Cow::<str>::deserialize(deserializer)?;
                Self::parse(&name).map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

name! {
    /// What is limited, such as `products`: `[a-z][a-z0-9_]{0,31}`.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, LimitName};
    ///
    /// const PRODUCTS: LimitName = LimitName::new("products");
    /// assert_eq!(LimitName::parse("products")?, PRODUCTS);
    /// let error = LimitName::parse("Products").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidName);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    ///
    /// A name that is none does not compile:
    ///
    /// ```compile_fail
    /// use tenancy_core::LimitName;
    ///
    /// const PRODUCTS: LimitName = LimitName::new("Products");
    /// ```
    LimitName, "limit"
}

name! {
    /// What a plan may include or not, such as `exports`: `[a-z][a-z0-9_]{0,31}`.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, FeatureName};
    ///
    /// const EXPORTS: FeatureName = FeatureName::new("exports");
    /// assert_eq!(FeatureName::parse("exports")?, EXPORTS);
    /// let error = FeatureName::parse("").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidName);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    FeatureName, "feature"
}

name! {
    /// What several tenants' terms are called, such as `free`: `[a-z][a-z0-9_]{0,31}`.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, PlanName};
    ///
    /// assert_eq!(PlanName::parse("free")?.as_str(), "free");
    /// let error = PlanName::parse("free plan").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidName);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    PlanName, "plan"
}

impl LimitName {
    /// How many requests of a tenant are answered in a second, on average.
    pub const REQUESTS_PER_SECOND: Self = Self::new("requests_per_second");
}
