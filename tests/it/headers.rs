//! What goes over the wire beside the body.
