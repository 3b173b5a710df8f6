//! Which key a resource takes: the table of what is documented, and the rule of a layer on top of it.

mod mounts;
mod rule;
mod table;
