//! The table against the contract's, and against behaviour.
