//! wardbell-llm
