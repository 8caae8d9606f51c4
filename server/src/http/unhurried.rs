//! Slow work that gives way to messages: on a thread of its own, which the system lets run where
//! nobody else wants the processor.

use std::thread;

/// How much the thread gives way: three parts in four of a processor that somebody else wants. It
/// gets the rest, so that a page comes in time even from a machine that is never idle.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

/// What `work` comes to; none if it panics, or there is no thread for it.
pub(super) async fn unhurried<T, F>(work: F) -> Option<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let slow = move || {
        give_way();
        work()
    };
    // The runtime's own threads are for others again: who has given way never gets back what it gave.
    let done = tokio::task::spawn_blocking(|| {
        let thread = thread::Builder::new().name("dunlin-page".to_owned());
        thread.spawn(slow).ok()?.join().ok()
    });
    done.await.ok().flatten()
}

/// Has the thread that calls run behind others from now on.
#[cfg(target_os = "linux")]
fn give_way() {
    // There a thread has a priority of its own. A refusal costs no more than haste.
    let _ = rustix::process::nice(NICENESS);
}

/// Elsewhere a priority is that of the whole process.
#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_worked_out_comes_back() {
        assert_eq!(unhurried(|| 7).await, Some(7));
        let outcome = unhurried(|| assert!(thread::current().name().is_none(), "it has a name"));
        assert_eq!(outcome.await, None);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_the_thread_that_works_gives_way() {
        let niceness = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            // The 19th field; the name, which is the second, may hold blanks.
            let behind_name = stat.rsplit_once(')').unwrap().1;
            let field = behind_name.split_whitespace().nth(16).unwrap();
            field.parse::<i32>().unwrap()
        };
        let before = niceness();
        let slow = unhurried(niceness).await.unwrap();
        assert_eq!(slow, (before + NICENESS).min(19));
        let other = tokio::task::spawn_blocking(niceness).await.unwrap();
        assert_eq!((niceness(), other), (before, before));
    }
}
