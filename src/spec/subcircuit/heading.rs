use std::rc::Rc;

use crate::diag::Diagnostic;
use crate::spec::document::{Item, Table, Value};
use crate::spec::reader::{Part, Reading};

/// What a part says of itself.
pub(super) struct Heading<'a> {
    pub name: &'a str,
    pub pins: Vec<String>,
    pub parameters: Vec<(String, Item)>,
    pub devices: Table,
}

impl<'a> Heading<'a> {
    pub fn of(part: &Rc<Part>, name: &'a str, reading: &Reading) -> Option<Heading<'a>> {
        let t = reading.root(&part.table, part.start);
        t.text("about").or(String::new());
        let devices = match part.table.get("device").map(|entry| &entry.item.value) {
            Some(Value::Table(devices)) => devices.clone(),
            _ => {
                reading.report(
                    Diagnostic::at(part.start..part.start, format!("`{name}` has no devices"))
                        .label("[device] is missing")
                        .help("add `[device]` with the devices of the subcircuit"),
                );
                return None;
            }
        };
        t.optional_table("device").map(|t| t.entries());
        let t = t.table(super::WORD);
        let pins =
            t.texts("pins", "pins = [\"in\", \"out\"]").needed("pins = [\"in\", \"out\"]")?;
        let pins = pins.into_iter().map(|(pin, _)| pin).collect();
        let parameters = t.optional_table("parameters");
        let parameters = parameters.iter().flat_map(|t| t.entries());
        let parameters = parameters.map(|e| (e.key.clone(), e.item.clone())).collect();
        Some(Heading { name, pins, parameters, devices })
    }
}
