//! Pages of columns from files that may be damaged, where the library would panic.

use ::parquet::basic::Encoding;
use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::ColumnChunkMetaData;

/// Whether a column lies where none can.
pub(super) fn is_misplaced(column: &ColumnChunkMetaData) -> bool {
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    start < 0 || column.compressed_size() < 0
}

/// Pages of which those that refer to a dictionary come after it.
pub(super) struct InOrder {
    pages: Box<dyn PageReader>,
    has_dictionary: bool,
}

impl InOrder {
    pub fn new(pages: Box<dyn PageReader>) -> InOrder {
        InOrder { pages, has_dictionary: false }
    }
}

impl PageReader for InOrder {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        match &page {
            Some(Page::DictionaryPage { .. }) => self.has_dictionary = true,
            Some(page) if !self.has_dictionary => {
                let refers = matches!(
                    page.encoding(),
                    Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY
                );
                if refers {
                    return Err(ParquetError::General("a page of a dictionary without it".into()));
                }
            }
            _ => {}
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

impl Iterator for InOrder {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}
