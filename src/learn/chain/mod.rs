//! Digital and analog blocks in a row, trained end to end: backpropagation through the digital ones,
//! equilibrium propagation in the analog ones (arXiv:2409.03306; `docs/hybrid.md`).
//!
//! Going back, every block gets `dL/d` of its output and gives `dL/d` of its input. An analog block
//! takes the first as a current into its last layer, `-beta dL/ds` and `+beta dL/ds`, and measures the
//! second as the difference these make to its first layer.

mod acting;
mod analog;
mod board;
mod check;
mod descent;
mod form;
mod initial;
mod trainer;

use crate::model::Shape;
use crate::numerics::Mat;
use crate::numerics::kernels::Real;
use crate::numerics::seed::Seed;
use crate::spec::{self, BlockKind, Phases};

pub use analog::AnalogBlock;
pub use check::{ChainChecked, ChainQuestion, StepAgreement, check_chain};
pub use descent::ChainDescent;
pub use trainer::{ChainFault, ChainLearns, ChainTrainer};

use super::{Host, Mode, Parameter};
use crate::engine::Ending;

/// A chain in numbers.
#[derive(Debug, Clone)]
pub struct Chain<T> {
    links: Vec<(String, Link<T>)>,
    input: Shape,
}

/// A block of a chain.
#[derive(Debug, Clone)]
pub enum Link<T> {
    Host(Host<T>),
    Analog(Box<AnalogBlock<T>>),
}

/// How errors go back through analog blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Back {
    /// By nudged phases.
    Propagation { beta: f64, phases: Phases },
    /// By the adjoint of so many iterations at the state of rest, or of fewer that leave nothing.
    Implicit { iterations: usize },
}

/// Where numbers stopped being finite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonFinite {
    /// For people, such as ``layer 2 of `features`, conv``.
    pub at: String,
}

impl<T: Real> Chain<T> {
    /// The chain of a file; tensors are drawn from the children of `seed` by the names of their
    /// blocks, chips from those of `chip_seed`.
    pub fn new(chain: &spec::Chain, seed: Seed, chip_seed: Seed) -> Chain<T> {
        let links = chain.blocks.iter().map(|block| {
            let own = seed.child(&block.name);
            let link = match &block.kind {
                BlockKind::Digital(layers) => Link::Host(Host::new(layers, block.input, own)),
                BlockKind::Analog(analog) => {
                    let chip_seed = chip_seed.child(&block.name);
                    Link::Analog(Box::new(AnalogBlock::new(analog, own, chip_seed)))
                }
            };
            (block.name.clone(), link)
        });
        let mut made = Chain { links: links.collect(), input: chain.input };
        if let Some(weights) = &chain.weights {
            for (parameter, values) in made.parameters_mut().into_iter().zip(weights) {
                parameter.value.iter_mut().zip(values).for_each(|(to, v)| *to = T::of(*v));
            }
            made.apply();
        }
        made
    }

    /// The shape of a sample.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// The blocks with their names.
    pub fn links(&self) -> impl Iterator<Item = (&str, &Link<T>)> {
        self.links.iter().map(|(name, link)| (name.as_str(), link))
    }

    pub fn links_mut(&mut self) -> impl Iterator<Item = (&str, &mut Link<T>)> {
        self.links.iter_mut().map(|(name, link)| (name.as_str(), link))
    }

    /// From `[batch, numbers of a sample]` to `[batch, outputs]`.
    ///
    /// # Errors
    /// Where a number first was not finite.
    pub fn forward(&mut self, x: &Mat<T>, mode: Mode) -> Result<Mat<T>, NonFinite> {
        (0..self.links.len()).try_fold(x.clone(), |x, place| self.pass(place, x, mode))
    }

    /// Through one block.
    fn pass(&mut self, place: usize, x: Mat<T>, mode: Mode) -> Result<Mat<T>, NonFinite> {
        let (name, link) = &mut self.links[place];
        match link {
            Link::Host(host) => {
                let out = host.forward(&x, mode);
                match host.non_finite() {
                    None => Ok(out),
                    Some((index, word)) => {
                        Err(NonFinite { at: format!("layer {index} of `{name}`, {word}") })
                    }
                }
            }
            Link::Analog(block) => {
                let out = block.forward(x, !matches!(mode, Mode::Test));
                match block.non_finite() {
                    None => Ok(out),
                    Some(layer) => {
                        Err(NonFinite { at: format!("layer {layer} of `{name}`, at rest") })
                    }
                }
            }
        }
    }

    /// From `dL/doutputs` of the mean cost; sets the gradients of all parameters.
    ///
    /// # Errors
    /// Where a number first was not finite.
    pub fn backward(&mut self, dy: Mat<T>, back: Back) -> Result<(), NonFinite> {
        let mut dy = Some(dy);
        for place in (0..self.links.len()).rev() {
            let Some(error) = dy.take() else { return Ok(()) };
            dy = self.pass_back(place, error, back)?;
        }
        Ok(())
    }

    /// Back through one block.
    fn pass_back(
        &mut self,
        place: usize,
        error: Mat<T>,
        back: Back,
    ) -> Result<Option<Mat<T>>, NonFinite> {
        let (name, link) = &mut self.links[place];
        match link {
            Link::Host(host) => Ok(host.backward(error, place > 0)),
            Link::Analog(block) => {
                let found = block.backward(&error, back);
                match block.non_finite() {
                    None => Ok(Some(found)),
                    Some(layer) => {
                        Err(NonFinite { at: format!("layer {layer} of `{name}`, nudged") })
                    }
                }
            }
        }
    }

    /// How each sample's free phase ended in each analog block, from the last forward pass.
    pub fn endings(&self) -> impl Iterator<Item = (&str, &[Ending])> {
        self.links.iter().filter_map(|(name, link)| match link {
            Link::Analog(block) => Some((name.as_str(), block.endings())),
            Link::Host(_) => None,
        })
    }

    /// All tensors with their names in files, those that are not learned too.
    pub fn parameters(&self) -> Vec<(String, &Parameter<T>)> {
        let mut all = Vec::new();
        for (name, link) in &self.links {
            let own: Vec<&Parameter<T>> = match link {
                Link::Host(host) => host.parameters().collect(),
                Link::Analog(block) => block.parameters().iter().collect(),
            };
            all.extend(own.into_iter().map(|p| (format!("{name}.{}", p.name), p)));
        }
        all
    }

    /// As [`Chain::parameters`], in the same order, to be changed; [`Chain::apply`] makes it so.
    pub fn parameters_mut(&mut self) -> Vec<&mut Parameter<T>> {
        let mut all = Vec::new();
        for (_, link) in &mut self.links {
            match link {
                Link::Host(host) => all.extend(host.parameters_mut()),
                Link::Analog(block) => all.extend(block.parameters_mut()),
            }
        }
        all
    }

    /// Brings analog blocks up to their parameters; cells that were written, of their chips.
    pub fn apply(&mut self) -> usize {
        let mut cells = 0;
        for (_, link) in &mut self.links {
            if let Link::Analog(block) = link {
                cells += block.apply();
            }
        }
        cells
    }

    /// The analog blocks with their names.
    pub fn analog(&self) -> impl Iterator<Item = (&str, &AnalogBlock<T>)> {
        self.links.iter().filter_map(|(name, link)| match link {
            Link::Analog(block) => Some((name.as_str(), &**block)),
            Link::Host(_) => None,
        })
    }

    /// What a run needs of all chips to go on, by the names of their blocks.
    pub fn chips(&self) -> Vec<(String, Vec<usize>, Vec<f64>)> {
        let of = |(block, analog): (&str, &AnalogBlock<T>)| {
            let name = |own: String| format!("{block}.{own}");
            let all = analog.chip_state().into_iter();
            all.map(|(own, shape, values)| (name(own), shape, values)).collect::<Vec<_>>()
        };
        self.analog().flat_map(of).collect()
    }

    /// Puts back what [`Chain::chips`] gave, after the parameters.
    pub fn restore_chips(&mut self, values: &[Vec<f64>]) {
        let mut rest = values;
        for (_, link) in &mut self.links {
            if let Link::Analog(block) = link {
                let (own, more) = rest.split_at(block.chip_state().len());
                block.restore_chip(own);
                rest = more;
            }
        }
    }

    /// The same in other numbers.
    pub fn cast<U: Real>(&self) -> Chain<U> {
        let links = self.links.iter().map(|(name, link)| {
            let link = match link {
                Link::Host(host) => Link::Host(host.cast()),
                Link::Analog(block) => Link::Analog(Box::new(block.cast())),
            };
            (name.clone(), link)
        });
        Chain { links: links.collect(), input: self.input }
    }
}
