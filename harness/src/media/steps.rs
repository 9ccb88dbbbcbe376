//! Counts what the layout of a trace does, for the tests that say how that grows with the trace.

#[cfg(test)]
thread_local! {
    static TAKEN: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Takes note of so many steps.
#[inline]
pub(crate) fn take(steps: usize) {
    #[cfg(test)]
    TAKEN.set(TAKEN.get() + steps);
    let _ = steps;
}

/// How many steps something takes.
#[cfg(test)]
pub(crate) fn of<T>(work: impl FnOnce() -> T) -> usize {
    let before = TAKEN.get();
    work();
    TAKEN.get() - before
}
