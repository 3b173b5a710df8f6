//! The verifying layer in axum applications.
