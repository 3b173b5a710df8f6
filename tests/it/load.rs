//! Many requests at once.
