//! Arrays as NumPy keeps them, of whole numbers.

use std::borrow::Cow;

/// An array as it is held in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Array<'a> {
    pub shape: Vec<usize>,
    /// What an element is: `|u1`, `<i8`, `>i4`; the first character may be left out.
    pub descr: String,
    /// The first dimension is fastest.
    pub columns_first: bool,
    pub bytes: Cow<'a, [u8]>,
}

impl Array<'_> {
    /// Rows, columns and the bytes of a matrix of bytes, rows first.
    pub fn matrix(&self) -> Result<(usize, usize, &[u8]), String> {
        let (kind, width, _) = self.element()?;
        let [rows, columns] = self.shape[..] else {
            return Err(format!("has the shape {:?}, not [pictures, numbers]", self.shape));
        };
        if (kind, width) != ('u', 1) {
            return Err(format!("holds `{}`, not bytes (`u1`)", self.descr.escape_debug()));
        }
        if self.columns_first {
            return Err("is stored with its columns first".into());
        }
        Ok((rows, columns, &self.bytes))
    }

    /// The numbers of an array of whole numbers of one dimension.
    pub fn integers(&self) -> Result<Vec<i64>, String> {
        let (kind, width, big) = self.element()?;
        if self.shape.len() != 1 || !matches!(kind, 'u' | 'i') {
            return Err(format!(
                "has the shape {:?} and holds `{}`, not a list of whole numbers",
                self.shape,
                self.descr.escape_debug()
            ));
        }
        let number = |bytes: &[u8]| {
            let at = |i: usize| usize::from(bytes[if big { i } else { width - 1 - i }]);
            let value = (0..width).fold(0_u64, |n, i| n << 8 | at(i) as u64);
            let unused = 64 - 8 * width as u32;
            match kind {
                // Copies the sign into the bits above.
                'i' => (value << unused) as i64 >> unused,
                _ => i64::try_from(value).unwrap_or(i64::MAX),
            }
        };
        Ok(self.bytes.chunks_exact(width).map(number).collect())
    }

    /// The kind of an element, its bytes, and whether the highest comes first; the bytes are as
    /// many as the shape says.
    fn element(&self) -> Result<(char, usize, bool), String> {
        let kind = self.descr.trim_start_matches(['|', '<', '>', '=']);
        let (letter, width) = kind.split_at(kind.chars().next().map_or(0, char::len_utf8));
        let width = width.parse().ok().filter(|width| matches!(width, 1 | 2 | 4 | 8));
        let (Some(letter), Some(width)) = (letter.chars().next(), width) else {
            return Err(format!("holds `{}`, not numbers", self.descr.escape_debug()));
        };
        let size = self.shape.iter().try_fold(width, |n: usize, &size| n.checked_mul(size));
        if size != Some(self.bytes.len()) {
            return Err(format!(
                "has {} bytes, but its shape {:?} of {width} bytes each is not as long",
                self.bytes.len(),
                self.shape
            ));
        }
        Ok((letter, width, self.descr.starts_with('>')))
    }
}
