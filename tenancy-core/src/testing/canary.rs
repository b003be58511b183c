//! A word that only one tenant's rows hold.

use std::fmt;

use crate::tenant::TenantId;

/// A word that only one tenant's rows hold: whoever else gets to see it has seen a leak.
///
/// It follows from the tenant's id, so it can be made again wherever the id is known, and it is
/// letters only, so nothing that makes slugs or file names of text changes it.
///
/// # Example
///
/// ```
/// use tenancy_core::TenantId;
/// use tenancy_core::testing::Canary;
///
/// let (one, other) = (TenantId::generate(), TenantId::generate());
/// assert_eq!(Canary::for_tenant(&one), Canary::for_tenant(&one));
/// assert_ne!(Canary::for_tenant(&one), Canary::for_tenant(&other));
/// assert!(Canary::for_tenant(&one).as_str().starts_with("canary"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Canary(String);

impl Canary {
    /// The canary of the tenant with this id.
    pub fn for_tenant(id: &TenantId) -> Self {
        let (high, low) = id.as_uuid().as_u64_pair();
        // Both steps can be undone, so two ids never have the same word.
        let high = scatter(high);
        let low = scatter(low ^ high);
        let mut word = String::from("canary");
        for mut half in [high, low] {
            // 26 to the power of 14 is more than 64 bits.
            for _ in 0..14 {
                let [letter, ..] = (half % 26).to_le_bytes();
                word.push(char::from(b'a' + letter));
                half /= 26;
            }
        }
        Self(word)
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Canary {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Spreads what differs in a few bits over all of them, without loss.
pub(super) fn scatter(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
