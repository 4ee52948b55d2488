//! What the help of each verb teaches after its options.

/// What `--version` says: which of the optional parts are in.
pub(super) const VERSION: &str = match (cfg!(feature = "mpi"), cfg!(feature = "parquet")) {
    (false, false) => concat!(env!("CARGO_PKG_VERSION"), "\nwithout mpi, without parquet"),
    (false, true) => concat!(env!("CARGO_PKG_VERSION"), "\nwithout mpi, with parquet"),
    (true, false) => concat!(env!("CARGO_PKG_VERSION"), "\nwith mpi, without parquet"),
    (true, true) => concat!(env!("CARGO_PKG_VERSION"), "\nwith mpi, with parquet"),
};

pub(super) const PROGRAM: &str = "\
Start:
  eqcircuit check netlists/ham3.toml        is the file right?
  eqcircuit simulate netlists/ham3.toml     settle it, write reports/ham3/index.md
  eqcircuit sweep netlists/digits-noise.toml    many chips, and a chart of their accuracy
  eqcircuit simulate --help                 more examples; every verb has some

Exit codes:
  0 done   1 an [expect] failed   2 wrong input   130 interrupted   70 a bug in eqcircuit";

pub(super) const CHECK: &str = "\
All mistakes of all files are shown, each with its place and a cure, on standard error. Files
without one are listed as `ok: FILE` on standard output. With --json the mistakes come as one
document.

Examples:
  eqcircuit check netlists/*.toml
  eqcircuit check ham3.toml --set nonideal.wire.r-segment='2 ohm'";

pub(super) const COMPILE: &str = "\
The weights of the network become conductances of cells, the cells are fabricated with the file's
non-idealities and seed, and every cell, wire segment and neuron becomes a device. The compile
report (cells, tiles, conductances, gains, time constants, what was clipped) goes to standard
error, or with --json to standard output. A compiled netlist in TOML is a file that `check` and
`simulate` read; one in SPICE runs in ngspice, with the first sample of the inputs applied.

Examples:
  eqcircuit compile netlists/ham3.toml -o compiled.toml
  eqcircuit simulate compiled.toml --set simulate.analysis=op    its equilibria, not the way there
  eqcircuit compile netlists/ham3.toml --format spice -o ham3.cir && ngspice -b ham3.cir
  eqcircuit compile netlists/ham3.toml --conductances g.npy
  eqcircuit compile netlists/ham3.toml --json -o /dev/null";

pub(super) const SIMULATE: &str = "\
The run is written to its folder when it is complete, in place of an earlier run there:
index.md with its figures, results.csv and results.jsonl (a line a sample), resolved.toml (the
file with every default filled in), waveforms. Edits are made before the file is read, so a wrong
one is shown like any mistake in the file. Bounds in [expect] decide between exit codes 0 and 1.

Examples:
  eqcircuit simulate netlists/ham3.toml
  eqcircuit simulate netlists/ham3.toml --engine circuit --set simulate.inputs.first=5
  eqcircuit simulate netlists/ham3.toml --set nonideal.fabrication.spread=0.3 --seed 7 --out spread
  eqcircuit simulate netlists/ham3.toml --json --quiet > ham3.json";

pub(super) const TRAIN: &str = "\
The network learns on the engine of [simulate], so with its chip's defects, by the rule of [train].
The folder is written as the run goes: results.jsonl (a line an epoch), checkpoint.safetensors (to
go on from), and in the end weights.safetensors (for `weights` in [model]), index.md and its
figures. Ctrl-C ends the run after the batch and saves its state; a run that was stopped in any way
goes on with --resume, to the same numbers as one that was not. An earlier run is never touched
without --resume or --force. Bounds in [expect] on test-accuracy, train-accuracy and train-loss
decide between exit codes 0 and 1.

Examples:
  eqcircuit train netlists/digits-ep.toml
  eqcircuit train netlists/digits-ep.toml --resume
  eqcircuit train netlists/digits-ep.toml --set nonideal.fabrication.spread=0.2 --out reports/bad
  eqcircuit train netlists/digits-ep.toml --engine ideal --set train.epochs=5 --json --quiet
  mpirun eqcircuit train netlists/digits-ep.toml       if `eqcircuit --version` says \"with mpi\"";

pub(super) const EVALUATE: &str = "\
Without --checkpoint the training run of the file in reports/<title>-train is taken. The cells are
as training left them, so the model, hardware, non-idealities and seed must be those of the run;
the engine and the tolerances of [simulate] may differ. The report has a confusion table. Bounds in
[expect] on test-accuracy, settled and settling-time decide between exit codes 0 and 1.

Examples:
  eqcircuit evaluate netlists/digits-ep.toml
  eqcircuit evaluate netlists/digits-ep.toml --checkpoint reports/mine --split train
  eqcircuit evaluate netlists/ham3.toml --untrained --engine ideal --json";

pub(super) const GRADCHECK: &str = "\
The estimate that [train] rule makes from the first samples of its data is held, tensor by tensor,
against implicit differentiation of the network as its chip makes it, and against finite
differences of settled costs at some places of each tensor ([gradcheck] samples, entries, settled).
1 is perfect, for the cosine and for the ratio of the norms. Twin arrays whose cells differ give a
biased estimate, shared ones do not. On wires only finite differences are the truth. The report
shows how the distance from the truth falls with beta. [gradcheck] beta nudges otherwise than the
rule does. [expect] knows gradient-cosine (the least) and gradient-norm-ratio (the one farthest
from 1).

Of a [[chain]] every learned tensor is checked in f64, of digital and analog blocks, with phases that
go on until `settled`; the report draws the nudged phase of each analog block, step by step, against
the adjoint.

Examples:
  eqcircuit gradcheck netlists/gradient-spread.toml
  eqcircuit gradcheck netlists/digits-chain.toml --set gradcheck.beta=0.01
  eqcircuit gradcheck netlists/gradient-spread.toml --engine circuit --set gradcheck.samples=2
  eqcircuit gradcheck netlists/gradient-spread.toml --set hardware.array=array/shared --out shared";

pub(super) const SWEEP: &str = "\
Each axis of [sweep.axes] is a key of the file with its values: a list, { linear = { from = 0.0,
to = 0.2, points = 6 } } or { log = ... }. In [sweep], `run` says what is done at each point:
simulate, train or gradcheck; `design` says which points there are:
  grid              every combination of values (without `design`)
  one-at-a-time     the file as it is, then each value alone
  random            points = N, drawn from the axes; an axis may be a range to draw from:
  latin-hypercube   { from = 0.0, to = 0.2, scale = \"linear\" }, or \"log\"
Each point has `chips = N` chips, the same seeds at every point, or as many as it takes:
  until = { metric = \"accuracy\", half-width = 0.005, confidence = 0.95, at-least = 5, at-most = 100 }
Every finished run is on the disk at once, so a sweep that was broken off goes on with --resume;
results are the same bytes whatever --jobs says, and in --shard I/N on N machines, put together by
`eqcircuit merge`. A run that fails is recorded and the others go on; then, or where an [expect]
does not hold somewhere, the exit code is 1.

Examples:
  eqcircuit sweep netlists/digits-noise.toml
  eqcircuit sweep netlists/digits-noise.toml --resume --jobs 4
  eqcircuit sweep netlists/ham3.toml --set sweep.chips=3 --force
  eqcircuit sweep netlists/digits-noise.toml --out big --shard 1/8    then 2/8 and so on
  mpirun eqcircuit sweep netlists/digits-noise.toml    if `eqcircuit --version` says \"with mpi\"";

pub(super) const MARGIN: &str = "\
Each key is one whose effect is none at 0 and grows with it, written with the largest value to try.
For every chip the largest value is sought that keeps the metric: the same chips for every key and
value, so that a figure moves by the effect alone. Of a key that cannot be 0 and of which less is
worse, as of the bits of a converter, the smallest value is sought. The table gives the mean over the
chips with its 95 % interval (Student's t). --drop 1% is a share of what the chip has without the
effect, --drop 0.01 is in the metric's own unit; of accuracies, cosines and `settled` more is better,
of all other figures less. Every value tried is on the disk at once: --resume goes on from them.

Examples:
  eqcircuit margin netlists/ham3.toml --key nonideal.programming.sigma=0.5
  eqcircuit margin netlists/ham3.toml --key nonideal.fabrication.spread=1 \\
      --key 'nonideal.wire.r-segment=20 ohm' --metric accuracy --drop 2% --chips 10
  eqcircuit margin netlists/digits-ep.toml --train --metric test-accuracy --chips 3 \\
      --key nonideal.fabrication.spread=1";

pub(super) const REPRODUCE: &str = "\
`ham` is the table of hierarchical associative memories by four solvers: forward Euler (HAM),
Anderson acceleration (HAM-DEQ), even-odd splitting (HAM-EO) and both. Every row is trained on MNIST
as published, its fixed points are counted by the measure of the paper and by one that all orders
share, and the page in the folder sets them beside the published numbers. At depth 3 every row is
trained by itself; at 5 and 7 the four are measured on one training a seed.

`splitting` is one network of six layers on CIFAR-10 (10,000 pictures), cut into 1, 2, 3 and 6 analog
blocks by `netlists/cifar-split-*.toml`: its accuracy, and the time of an epoch, by the size of its
blocks.

Trainings are finished one by one and kept: the same call goes on where it stopped, with more seeds
too. The files of the networks stay in the folder, to be trained or simulated by themselves.

Examples:
  eqcircuit reproduce ham --depth 3 --seeds 1 --version v1
  eqcircuit reproduce ham --depth 3,5,7 --seeds 5
  eqcircuit reproduce ham --questions
  eqcircuit reproduce splitting --seeds 3";

pub(super) const MERGE: &str = "\
The shards are those of one sweep, each once and finished; else nothing is written, and the
difference is named. They are only read. The table is the same bytes as that of the sweep made in
one piece. Folders of trained points stay where they are.

Examples:
  eqcircuit merge big/whole big/shard-*
  eqcircuit merge reports/noise node1/shard-1-of-2 node2/shard-2-of-2 --json";

pub(super) const REPORT: &str = "\
Reads the records that a run has left (run.json, results.jsonl, waveforms) and writes index.md and
every figure anew. The same records give the same files.

Example:
  eqcircuit report reports/ham3";

pub(super) const PLOT: &str = "\
FILE is a raw file of ngspice or of eqcircuit, a table of waveforms (.csv: time_s,v(out)_V), or
Parquet where it was built in. Without SIGNAL all signals are listed, and nothing is drawn. With
SIGNAL, FILE.svg and FILE.png are written beside the file.

Signals:
  v(out)  out           a node, with or without v()
  v(a,b)                a voltage between two nodes
  i(v1)                 the current of a branch
  db(x) mag(x) ph(x)    decibels, magnitude, phase in degrees (cph: without jumps of 360)
  re(x) im(x)           the parts of a complex signal
  + - * / ( ) 1k 2meg   of those, such as 'db(v(out)/v(in))' and '1k*i(v1)'
A shell needs quotes around parentheses. An expression may not begin with a minus: write '0-v(a)'.

Panels share an axis, one a unit. Complex signals make a Bode plot: decibels and degrees. Noise is
drawn on logarithmic axes. The numbers of an operating point are printed, not drawn.

Examples:
  eqcircuit plot tran.raw                              what is in it
  eqcircuit plot tran.raw out 'i(v1)'                  tran.svg, tran.png (tran-plot.* in the folder of a run)
  eqcircuit plot tran.raw out --from '2 ms' --to '3 ms' -o detail.png
  eqcircuit plot ac.raw 'v(out)/v(in)'                 a Bode plot of a gain
  eqcircuit plot all.raw onoise_spectrum --plot noise
  eqcircuit plot reports/filter out --csv > out.csv";

pub(super) const CIRCUITS: &str = "\
Parts are what [hardware] names (neurons, cells, array styles), subcircuits of [device], and presets:
published technologies that [nonideal] preset names, every number with its source. Those in a `circuits/` folder beside
the file, or beside any folder above it, come before those built into the program.

Examples:
  eqcircuit circuits
  eqcircuit circuits neuron/tanh
  eqcircuit circuits preset/pcm-mushroom               its numbers and where they come from
  eqcircuit circuits preset/pcm-mushroom --out pcm     and what they make of cells, drawn
  eqcircuit circuits neuron/tanh > circuits/neuron/my-tanh.toml    a start for one of your own";

pub(super) const DATA: &str = "\
A data set NAME is looked for as DIR/NAME/ in --data-dir, then in EQCIRCUIT_DATA, then in the
user's data folder (XDG_DATA_HOME or ~/.local/share, and eqcircuit/ in it). Every file is checked:
its size, and its SHA-256. Exit code 2 when one is not what it should be. Sets of pictures that you
bring (cifar10, cifar10-jpeg, cifar100, imagenet32) are named with what to put where; their files are
judged when they are read.

Examples:
  eqcircuit data
  eqcircuit data list --data-dir /mnt/sets
  eqcircuit data fetch mnist --from ~/downloads/mnist";

pub(super) const FETCH: &str = "\
The files come into the first of --data-dir, EQCIRCUIT_DATA and the user's data folder, plain or
compressed (.gz), get their names once their checksums are right, and are removed if not. A broken
transfer is taken up where it broke, also by the next call. Only http:// is spoken, not https://:
for that, download the files with another program and name their folder.

Examples:
  eqcircuit data fetch mnist --from ~/downloads/mnist
  eqcircuit data fetch mnist --from http://server.example/mnist --data-dir /mnt/sets";

pub(super) const COMPLETIONS: &str = "\
Examples:
  eqcircuit completions bash > ~/.local/share/bash-completion/completions/eqcircuit
  eqcircuit completions zsh > ~/.zfunc/_eqcircuit
  eqcircuit completions fish > ~/.config/fish/completions/eqcircuit.fish";
