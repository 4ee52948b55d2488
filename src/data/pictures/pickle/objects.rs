//! The objects that arrays are pickled as.

use std::borrow::Cow;

use super::{Array, At, Machine, Value};

impl<'a> Machine<'a> {
    /// Calls one of the functions that make an array, its element type, or bytes.
    pub(super) fn reduce(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Value::Global(module, name) = self.values[function] else {
            return Err("the pickle calls what is no function".into());
        };
        let arguments = self.tuple(arguments)?;
        let made = match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => {
                Value::Array(None)
            }
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => {
                let [bytes, dtype, shape, order] = arguments[..] else { return Err(strange()) };
                let columns_first = self.text(order)? == "F";
                Value::Array(Some(self.array(bytes, dtype, shape, columns_first)?))
            }
            ("numpy", "dtype") => {
                let descr = *arguments.first().ok_or_else(strange)?;
                Value::Dtype(self.text(descr)?, String::new())
            }
            // How bytes are written where the protocol has none.
            ("_codecs", "encode") => {
                let text = *arguments.first().ok_or_else(strange)?;
                let Value::Text(text) = self.values[text] else { return Err(strange()) };
                let latin: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
                Value::Bytes(Cow::Owned(latin.map_err(|_| strange())?))
            }
            _ => {
                let (module, name) = (module.escape_debug(), name.escape_debug());
                return Err(format!("the pickle calls `{module}.{name}`, which no array needs"));
            }
        };
        self.push(made);
        Ok(())
    }

    /// Fills the object below with the state above it.
    pub(super) fn build(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        let state = self.tuple(state)?;
        let object = *self.stack.last().ok_or_else(strange)?;
        match self.values[object] {
            Value::Array(None) => {
                let [_, shape, dtype, order, bytes] = state[..] else { return Err(strange()) };
                let columns_first = matches!(self.values[order], Value::Bool(true) | Value::Int(1));
                let array = self.array(bytes, dtype, shape, columns_first)?;
                self.values[object] = Value::Array(Some(array));
            }
            Value::Dtype(..) => {
                let byte_order = self.text(*state.get(1).ok_or_else(strange)?)?;
                let Value::Dtype(_, order) = &mut self.values[object] else {
                    return Err(strange());
                };
                *order = byte_order;
            }
            _ => return Err(strange()),
        }
        Ok(())
    }

    /// An array; the bytes are taken out of their value.
    fn array(
        &mut self,
        bytes: At,
        dtype: At,
        shape: At,
        columns_first: bool,
    ) -> Result<Array<'a>, String> {
        let Value::Dtype(element, order) = &self.values[dtype] else { return Err(strange()) };
        let descr = format!("{order}{element}");
        let size = |at: At| match self.values[at] {
            Value::Int(size) => usize::try_from(size).map_err(|_| strange()),
            _ => Err(strange()),
        };
        let shape = self.tuple(shape)?.into_iter().map(size).collect::<Result<_, _>>()?;
        let Value::Bytes(bytes) = &mut self.values[bytes] else {
            return Err("the pickle holds an array of objects, not of numbers".into());
        };
        let bytes = match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(*bytes),
            Cow::Owned(bytes) => Cow::Owned(std::mem::take(bytes)),
        };
        Ok(Array { shape, descr, columns_first, bytes })
    }

    fn tuple(&self, at: At) -> Result<Vec<At>, String> {
        match &self.values[at] {
            Value::Tuple(items) => Ok(items.clone()),
            _ => Err(strange()),
        }
    }

    /// Text, also where Python 2 wrote it as bytes.
    fn text(&self, at: At) -> Result<String, String> {
        match &self.values[at] {
            Value::Text(text) => Ok((*text).to_owned()),
            Value::Bytes(bytes) => {
                String::from_utf8(bytes.clone().into_owned()).map_err(|_| strange())
            }
            _ => Err(strange()),
        }
    }
}

fn strange() -> String {
    "the pickle holds an array in a form that is not known here".into()
}
