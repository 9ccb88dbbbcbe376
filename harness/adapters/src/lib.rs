//! Third-party storage engines on the recording disk of crashcheck.
