//! The locks of this room: under `--cfg model` those that a model checker drives.

#[cfg(not(model))]
pub(super) use parking_lot::{Mutex, MutexGuard};

#[cfg(model)]
pub(super) use modelled::{Mutex, MutexGuard};

#[cfg(model)]
mod modelled {
    use loom::sync;
    pub(crate) use sync::MutexGuard;

    /// A lock with the manners of the one it stands for.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("a model that panicked is over")
        }
    }
}
