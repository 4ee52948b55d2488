//! From records to tables and plots.
