//! Certificates that are renewed under a running server: read again when their files change.
//!
//! Files are looked at once a second. What changes is left alone until it has been the same for two
//! looks, since a certificate and its key are seldom written at once; what cannot be used then is
//! said once, and the old one stays.

use std::sync::Arc;
use std::time::Duration;

use super::encryption::{Current, Encryption};
use super::stamps::Stamps;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Reads the files of `encryption` again whenever they have changed; never ends.
pub(crate) async fn keep_fresh(encryption: Arc<Encryption>) {
    let mut last = Stamps::default();
    let mut bad = Stamps::default();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(current) = encryption.current() else {
            continue;
        };
        let looked_at = Arc::clone(&current);
        let look = move || Stamps::of(&looked_at.options);
        let Ok(now) = tokio::task::spawn_blocking(look).await else {
            return; // The runtime ends.
        };
        let is_settled = now == last;
        last = now;
        if !is_settled || last == current.stamps || last == bad {
            continue;
        }
        let options = current.options.clone();
        match tokio::task::spawn_blocking(move || Current::new(options)).await {
            Ok(Ok(fresh)) => {
                if encryption.renew(&current, fresh) {
                    tracing::info!("Reloaded: TLS certificates, since their files have changed");
                }
            }
            Ok(Err(error)) => {
                tracing::warn!("the TLS certificates before stay in force: {error}");
                bad = std::mem::take(&mut last);
            }
            Err(_) => return,
        }
    }
}
