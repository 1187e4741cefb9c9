//! wardbell-testkit
