//! Which connections a tenant is at home on.

use tenancy_core::TenantId;

/// The two places, of `places`, where the tenant's tables are remembered; one and the same when
/// there is no other.
///
/// Two spread what a single one could not carry, and keep the number of tenants that a connection
/// ever meets to a small part of the fleet.
pub(super) fn homes(tenant: TenantId, places: usize) -> [usize; 2] {
    let number = mixed(tenant);
    let places = places.max(1);
    let first = part(number >> 32, places);
    if places == 1 {
        return [0, 0];
    }
    let step = 1 + part(number & 0xFFFF_FFFF, places - 1);
    [first, (first + step) % places]
}

/// Spreads ids that were made one after the other.
fn mixed(tenant: TenantId) -> u64 {
    let (high, low) = tenant.as_uuid().as_u64_pair();
    let mut number = (high ^ low).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    number = (number ^ (number >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    number ^ (number >> 32)
}

fn part(number: u64, of: usize) -> usize {
    usize::try_from(number % of as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_two_and_always_the_same() {
        for places in 1..20 {
            for _ in 0..200 {
                let tenant = TenantId::generate();
                let [one, two] = homes(tenant, places);
                assert_eq!([one, two], homes(tenant, places));
                assert!(one < places && two < places);
                assert!(places == 1 || one != two);
            }
        }
    }

    #[test]
    fn tenants_are_spread_over_the_places() {
        let mut load = [0; 10];
        for _ in 0..10_000 {
            for home in homes(TenantId::generate(), 10) {
                load[home] += 1;
            }
        }
        assert!(
            load.iter().all(|load| (1_700..2_300).contains(load)),
            "{load:?}"
        );
    }
}
