//! Tests of pipe ends: credit, states, conflation.
