//! wardbell-notify
