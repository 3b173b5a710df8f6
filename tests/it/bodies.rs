//! Bodies that are read to be signed, and bodies that are not.
