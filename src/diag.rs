//! Mistakes in what a person wrote: collected, pointed at, and shown with the cure.
