//! Promises that can be broken one at a time, in a build made to see that the tests notice.
//!
//! Nothing of it is in any other build: without `--cfg sabotage` every [`sabotaged!`](crate::sabotaged) is the
//! constant `false`. A cargo feature would not do, because somebody could turn it on by accident.

/// Whether the promise `name` is broken in this process.
#[cfg(sabotage)]
pub fn is_chosen(name: &str) -> bool {
    CHOSEN.get().is_some_and(|chosen| chosen == name)
}

#[cfg(sabotage)]
static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Breaks the promise `name` for the rest of this process; the first call counts.
#[cfg(sabotage)]
pub fn choose(name: impl Into<String>) {
    // A process breaks one promise, so that what turns red is its doing.
    let _ = CHOSEN.set(name.into());
}

/// Whether the promise of this name is broken: never, but in a build made for that. Of two values, the
/// first is for then and the second for otherwise.
#[doc(hidden)]
#[macro_export]
macro_rules! sabotaged {
    ($name:literal) => {{
        #[cfg(sabotage)]
        let broken = $crate::sabotage::is_chosen($name);
        #[cfg(not(sabotage))]
        let broken = false;
        broken
    }};
    ($name:literal, $broken:expr, $kept:expr) => {
        if $crate::sabotaged!($name) {
            $broken
        } else {
            $kept
        }
    };
}
