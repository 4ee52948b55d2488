//! Tables that stand in the place of what a file holds.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Table, TableReader, Value};

impl<'a> TableReader<'a> {
    /// The text of a table of this one.
    pub fn own_table(&self, key: &str) -> Option<&'a Table> {
        match &self.table?.get(key)?.item.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Another table read in the place of one of this.
    pub fn in_place<'b>(&self, key: &'static str, table: &'b Table) -> TableReader<'b>
    where
        'a: 'b,
    {
        let child = self.table(key);
        child.quiet.set(true);
        TableReader {
            reading: self.reading,
            place: child.place.clone(),
            table: Some(table),
            span: child.span.clone(),
            quiet: Cell::new(false),
            known: RefCell::default(),
            record: Rc::clone(&child.record),
        }
    }
}
