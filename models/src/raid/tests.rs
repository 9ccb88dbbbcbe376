//! What arrays compute, serve and survive.
