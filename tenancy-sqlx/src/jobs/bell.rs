//! Wakes the workers of this process when it has enqueued something.

use tokio::sync::watch;

/// Rung after a commit that enqueued; other processes look for themselves.
#[derive(Debug, Default)]
pub(crate) struct Bell(watch::Sender<()>);

impl Bell {
    pub(crate) fn ring(&self) {
        self.0.send_replace(());
    }

    /// Hears every ring from now on.
    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}
