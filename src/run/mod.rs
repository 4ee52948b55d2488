//! Does what a verb asks, and records it.
