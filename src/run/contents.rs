//! What runs leave in their folders, file by file.

use super::digests::FILES_READ;
use super::record::{
    CHECKPOINT, CHIP, MEASURES, OPERATING_POINT, RESOLVED, RESULTS, RESULTS_CSV, RUN, TIMING,
    TRACE, WAVEFORMS, WEIGHTS,
};

/// Every record of a settled run, with a line for people.
pub const FILES: [(&str, &str); 9] = [
    (RUN, "the run: settings, seeds, version, totals, expectations"),
    (RESOLVED, "the file as understood, every default filled in"),
    (RESULTS, "one JSON object a sample"),
    (RESULTS_CSV, "the same as a table, one row a sample"),
    (OPERATING_POINT, "the operating point: name, value, unit"),
    (WAVEFORMS, "waveforms against time"),
    (MEASURES, "what was measured, by name"),
    (TRACE, "residual, energy and states on the way, and the inputs"),
    (CHIP, "weights, and conductances asked for and made"),
];

/// Every record of a training run, with a line for people.
pub const TRAINING_FILES: [(&str, &str); 9] = [
    (RUN, "the run: settings, seeds, version, expectations"),
    (RESOLVED, "the file as understood, every default filled in"),
    (FILES_READ, "the files it read, with their SHA-256"),
    (RESULTS, "one JSON object an epoch"),
    (RESULTS_CSV, "the same as a table, one row an epoch"),
    (TIMING, "wall time of each epoch"),
    (CHECKPOINT, "parameters, moments of the optimiser and cells as made, to go on from"),
    (WEIGHTS, "the weights learned, as `[model] weights` reads them"),
    (CHIP, "weights, and conductances asked for and made"),
];
