//! wardbell-detect
