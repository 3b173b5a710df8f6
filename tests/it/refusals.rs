//! What the verifying layer refuses, and what it answers.
