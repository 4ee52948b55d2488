//! A process that makes the runs that another one asks it for.

use std::path::PathBuf;

use super::message::{Order, Patience, Word};
use super::schedule::Task;
use super::workshop::Workshop;
use crate::run::{Options, RunError};
use crate::spec::Spec;

/// Makes runs of a sweep for the process of the crew that leads, which calls [`super::sweep`].
/// `options.threads` of them are worked on at a time.
///
/// # Errors
/// When the file has no `[sweep]` or no threads can be started.
pub fn assist(spec: &Spec, options: &Options) -> Result<(), RunError> {
    let crew = &options.crew;
    let sweep = super::sweep_of(spec)?;
    let Some(folder) = crew.tell::<Option<PathBuf>>(&None) else { return Ok(()) };
    crew.bind();
    options.interrupt.heed();
    let share = crew.threads();
    let jobs = options.threads.unwrap_or(share);
    let shop = Workshop::open(sweep, &folder, jobs, options)?;
    crew.gather(&jobs);
    let mut patience = Patience::default();
    let mut asked = false;
    loop {
        match crew.receive() {
            Some((_, Order::Make { point, chip })) => {
                shop.order(Task { point, chip });
                patience.renew();
                continue;
            }
            Some((_, Order::Stop)) => break,
            None => {}
        }
        if let Ok(Some(answer)) = shop.answer(patience.wait()) {
            crew.send(0, &Word::from(answer));
            patience.renew();
        }
        if options.interrupt.tripped() && !asked {
            crew.send(0, &Word::Interrupted);
            asked = true;
        }
    }
    for answer in shop.close() {
        crew.send(0, &Word::from(answer));
    }
    crew.send(0, &Word::Bye);
    crew.release();
    options.interrupt.unheed();
    Ok(())
}
