//! Locks and shared numbers where threads meet: under `--cfg model` those that a model checker drives.

#[cfg(not(model))]
pub(crate) use parking_lot::{Mutex, MutexGuard, RwLock, RwLockWriteGuard};
#[cfg(not(model))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64};

#[cfg(model)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64};
#[cfg(model)]
pub(crate) use modelled::{Mutex, MutexGuard, RwLock, RwLockWriteGuard};

/// Gives the lock to whoever has waited the longest, if anybody does, rather than to whoever comes
/// first, who is most often the one that gives it.
#[cfg(not(model))]
pub(crate) fn pass_on<T>(guard: RwLockWriteGuard<'_, T>) {
    RwLockWriteGuard::unlock_fair(guard);
}

/// A model tries every order.
#[cfg(model)]
pub(crate) fn pass_on<T>(guard: RwLockWriteGuard<'_, T>) {
    drop(guard);
}

#[cfg(model)]
mod modelled {
    use loom::sync;
    pub(crate) use sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

    /// A lock with the manners of the one it stands for.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("a model that panicked is over")
        }
    }

    /// The same for one writer and many readers.
    #[derive(Debug)]
    pub(crate) struct RwLock<T>(sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().expect("a model that panicked is over")
        }

        pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().expect("a model that panicked is over")
        }
    }
}
