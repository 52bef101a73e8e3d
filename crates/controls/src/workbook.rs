//! Tables as a workbook (Office Open XML). The same tables give the same bytes; text stays text.

use probity_core::Timestamp;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, XlsxError};

use crate::table::{Cell, Table, guarded};

/// Most letters a cell takes.
const MOST: usize = 32_767;

/// A workbook that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the workbook cannot be written: {0}")]
pub struct WorkbookError(#[from] XlsxError);

/// The bytes of a workbook with a sheet for each table. `made` is the time it says it was made.
///
/// # Errors
/// [`WorkbookError`] where a table has more rows than a sheet takes.
pub fn workbook(tables: &[Table], made: Timestamp) -> Result<Vec<u8>, WorkbookError> {
    let mut book = Workbook::new();
    // A clock of its own would give other bytes every time.
    let made = ExcelDateTime::from_timestamp(made.seconds)?;
    book.set_properties(&DocProperties::new().set_author("probity").set_creation_datetime(&made));
    let bold = Format::new().set_bold();
    for table in tables {
        let sheet = book.add_worksheet();
        sheet.set_name(table.name)?;
        for (column, title) in (0_u16..).zip(&table.columns) {
            sheet.write_string_with_format(0, column, *title, &bold)?;
        }
        for (row, cells) in (1_u32..).zip(&table.rows) {
            for (column, cell) in (0_u16..).zip(cells) {
                match cell {
                    Cell::Text(text) => {
                        let text: String = guarded(text).chars().take(MOST).collect();
                        sheet.write_string(row, column, text)?;
                    }
                    Cell::Number(number) => {
                        // Larger numbers than a cell holds exactly stay as they are written.
                        match i32::try_from(*number) {
                            Ok(number) => sheet.write_number(row, column, number)?,
                            Err(_) => sheet.write_string(row, column, number.to_string())?,
                        };
                    }
                    Cell::Empty => {}
                }
            }
        }
        sheet.set_freeze_panes(1, 0)?;
        let (rows, columns) = (u32::try_from(table.rows.len()).unwrap_or(u32::MAX), u16::try_from(table.columns.len()).unwrap_or(u16::MAX));
        if rows > 0 && columns > 0 {
            sheet.autofilter(0, 0, rows, columns - 1)?;
        }
        sheet.autofit();
    }
    Ok(book.save_to_buffer()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_tables_give_the_same_bytes() {
        let table = |text: &str| Table {
            name: "t",
            columns: vec!["a", "b"],
            rows: vec![vec![Cell::text(text), Cell::Number(7)], vec![Cell::Empty, Cell::Number(i64::MAX)]],
        };
        let made = Timestamp { seconds: 1_769_860_800, nanoseconds: 0 };
        let bytes = workbook(&[table("=1+1")], made).unwrap();
        assert!(bytes.starts_with(b"PK"));
        assert_eq!(bytes, workbook(&[table("=1+1")], made).unwrap());
        assert_ne!(bytes, workbook(&[table("=1+2")], made).unwrap());
    }
}
