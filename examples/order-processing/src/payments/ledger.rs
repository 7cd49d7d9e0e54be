//! The ledger: a file with an entry a line, in JSON, durable before anybody is answered.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::book::{Book, Charge, ChargeAnswer, Decided, Entry};

/// Why nothing was booked, or the ledger not opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another service has it open: each would answer without what the other booked.
    #[error("{0} is open in another payment service: stop that one, or choose another file")]
    InUse(PathBuf),
    /// It holds something else.
    #[error("line {line} of {path} is no entry of a ledger: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A write failed, and nobody knows what of it is in the file.
    #[error("the ledger was not written to its end: start the service again")]
    Torn,
}

/// What was booked.
#[derive(Debug)]
pub(super) struct Ledger {
    book: Book,
    file: Option<LedgerFile>,
}

#[derive(Debug)]
struct LedgerFile {
    file: File,
    path: PathBuf,
    /// All entries that are durable.
    len: u64,
    /// Whether something may stand behind them that is none.
    is_torn: bool,
}

impl Ledger {
    pub(super) fn in_memory() -> Self {
        Self { book: Book::default(), file: None }
    }

    /// Reads the file, which is made where there is none. A last line without its end was never answered, and is cut off.
    pub(super) fn open(path: &Path) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LedgerError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let mut book = Book::default();
        for (line, text) in (1..).zip(bytes[..whole].split_inclusive(|&byte| byte == b'\n')) {
            let entry = serde_json::from_slice(text).map_err(|error| LedgerError::Unreadable {
                path: path.to_owned(),
                line,
                reason: error.to_string(),
            })?;
            book.take_in(entry);
        }
        let len = whole as u64;
        file.set_len(len).map_err(failed)?;
        file.seek(SeekFrom::Start(len)).map_err(failed)?;
        // A file is only as durable as its name in the directory.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(Self { book, file: Some(LedgerFile { file, path: path.to_owned(), len, is_torn: false }) })
    }

    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    pub(super) fn charge(
        &mut self,
        key: &str,
        charge: Charge,
        decline_above_cents: Option<i64>,
    ) -> Result<ChargeAnswer, LedgerError> {
        let decided = self.book.charge(key, charge, decline_above_cents);
        self.settle(decided)
    }

    /// Gives the cents that are given back.
    pub(super) fn cancel(&mut self, order_id: String) -> Result<i64, LedgerError> {
        let decided = self.book.cancel(order_id);
        self.settle(decided)
    }

    fn settle<A>(&mut self, decided: Decided<A>) -> Result<A, LedgerError> {
        match decided {
            Decided::Known(answer) => Ok(answer),
            Decided::Booked(entry, answer) => {
                if let Some(file) = &mut self.file {
                    file.append(&entry)?;
                }
                self.book.take_in(entry);
                Ok(answer)
            }
        }
    }
}

impl LedgerFile {
    /// Behind a write that failed, part of a line may stand in the file, and the next entry would be a part of that line. So
    /// nothing is written until the file is as long as it was.
    fn append(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        let failed = |source| LedgerError::Io { path: self.path.clone(), source };
        if self.is_torn {
            self.file.set_len(self.len).map_err(|_| LedgerError::Torn)?;
            self.file.seek(SeekFrom::Start(self.len)).map_err(|_| LedgerError::Torn)?;
            self.is_torn = false;
        }
        let mut line = serde_json::to_vec(entry).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.is_torn = true;
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).map_err(failed)?;
        self.is_torn = false;
        self.len += line.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn charge(order_id: &str, amount_cents: i64) -> Charge {
        Charge { order_id: order_id.into(), customer_id: "ada".into(), amount_cents }
    }

    fn paid(payment_id: &str) -> ChargeAnswer {
        ChargeAnswer::Paid { payment_id: payment_id.into() }
    }

    #[test]
    fn what_was_booked_is_there_when_the_ledger_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let mut ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.charge("k-1", charge("1", 500), Some(600)).unwrap(), paid("pay-1"));
        assert_eq!(ledger.charge("k-2", charge("2", 601), Some(600)).unwrap(), ChargeAnswer::Declined);
        assert_eq!(ledger.cancel("1".into()).unwrap(), 500);
        let entries = ledger.book().entries().to_vec();
        assert!(matches!(Ledger::open(&path), Err(LedgerError::InUse(_))), "two services would have one ledger");
        drop(ledger);

        let mut ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.book().entries(), entries);
        assert_eq!(ledger.charge("k-1", charge("1", 500), None).unwrap(), paid("pay-1"), "the key's answer stays");
        assert_eq!(
            ledger.charge("k-2", charge("2", 601), None).unwrap(),
            ChargeAnswer::Declined,
            "whatever is declined now"
        );
        assert_eq!(ledger.charge("k-3", charge("1", 500), None).unwrap(), ChargeAnswer::Cancelled);
        assert_eq!(ledger.cancel("1".into()).unwrap(), 500, "it is given back once, and told twice");
        assert_eq!(ledger.book().entries(), entries);
    }

    #[test]
    fn an_order_is_paid_once_and_a_key_is_of_one_payment() {
        let mut ledger = Ledger::in_memory();
        assert_eq!(ledger.charge("k-1", charge("1", 500), None).unwrap(), paid("pay-1"));
        assert_eq!(ledger.charge("k-2", charge("1", 500), None).unwrap(), ChargeAnswer::AlreadyPaid);
        for other in [charge("1", 501), charge("2", 500)] {
            assert_eq!(ledger.charge("k-1", other, None).unwrap(), ChargeAnswer::KeyReused);
        }
        assert_eq!(ledger.book().entries().len(), 1);
    }

    #[test]
    fn an_order_that_was_cancelled_before_it_was_paid_is_not_paid_any_more() {
        let mut ledger = Ledger::in_memory();
        assert_eq!(ledger.cancel("1".into()).unwrap(), 0);
        assert_eq!(ledger.charge("k-1", charge("1", 500), None).unwrap(), ChargeAnswer::Cancelled);
        assert_eq!(ledger.book().entries().iter().map(Entry::net_cents).sum::<i64>(), 0);
    }

    /// As a crash in the middle of a write leaves it, at every byte.
    #[test]
    fn a_last_line_without_its_end_is_cut_off_and_the_next_one_stands_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.charge("k-1", charge("1", 500), None).unwrap();
        let first = std::fs::read(&path).unwrap().len();
        ledger.charge("k-2", charge("2", 700), None).unwrap();
        drop(ledger);
        let whole = std::fs::read(&path).unwrap();
        for cut in first..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut ledger = Ledger::open(&path).unwrap();
            assert_eq!(ledger.book().entries().len(), 1, "cut at byte {cut}");
            assert_eq!(ledger.charge("k-2", charge("2", 700), None).unwrap(), paid("pay-2"));
            drop(ledger);
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at byte {cut}");
        }
    }

    #[test]
    fn a_line_that_is_no_entry_is_told_with_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let line = r#"{"entry":"cancelled","order_id":"1","refunded_cents":0}"#;
        std::fs::write(&path, format!("{line}\n{line} {line}\n{line}\n")).unwrap();
        let error = Ledger::open(&path).unwrap_err();
        assert!(matches!(error, LedgerError::Unreadable { line: 2, .. }), "{error}");
        assert!(std::fs::read_to_string(&path).unwrap().lines().count() == 3, "nothing of it is lost");
    }
}
