//! How long a thread has waited for a processor that others had: no time of what runs on it.

use std::fs::File;
use std::io::{Read, Seek};
use std::time::Duration;

/// What the kernel counts of a thread. Linux only: elsewhere no thread ever seems to have waited.
#[derive(Debug)]
pub(super) struct Queued(Option<File>);

impl Queued {
    /// Of the thread that calls this, for any thread to look at.
    pub(super) fn of_this_thread() -> Queued {
        Queued(File::open("/proc/thread-self/schedstat").ok())
    }

    /// How long it has waited since it began.
    pub(super) fn so_far(&self) -> Duration {
        self.0.as_ref().and_then(waited).unwrap_or_default()
    }
}

fn waited(mut file: &File) -> Option<Duration> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    parse(&text)
}

/// The file has three numbers: nanoseconds on a processor, nanoseconds in a queue for one, and how often it got one
/// (<https://docs.kernel.org/scheduler/sched-stats.html>).
fn parse(text: &str) -> Option<Duration> {
    text.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_number_is_the_time_in_the_queue() {
        assert_eq!(parse("79469 1500000 3\n"), Some(Duration::from_micros(1500)));
        assert_eq!(parse("79469"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_a_thread_has_waited_is_read_by_another_and_only_grows() {
        let queued = Queued::of_this_thread();
        assert!(queued.0.as_ref().is_some_and(|file| waited(file).is_some()), "{queued:?}");
        let (first, second) = std::thread::scope(|scope| {
            let looks = scope.spawn(|| (queued.so_far(), queued.so_far()));
            looks.join().expect("it only reads")
        });
        assert!(first <= second);
    }
}
