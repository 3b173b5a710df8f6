//! Secrets, and the ways out that they do not take.
