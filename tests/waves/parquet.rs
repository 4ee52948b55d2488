//! Waveforms and tables as Parquet.

use std::fs;
use std::path::Path;

use eqcircuit::data::parquet::{read, write};

use super::*;

fn file(folder: &Path, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join("fuzzed.parquet");
    fs::write(&path, bytes).unwrap();
    path
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(waves in waves()) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        write(&mut bytes, &waves).unwrap();
        assert_same(&read(&file(folder.path(), &bytes)).unwrap(), &waves);
    }

    /// Whatever a damaged file has in it is read or refused, with words.
    #[test]
    fn damage_never_panics(place in 0usize..400, with in any::<u8>(), cut in any::<bool>()) {
        let waves = Waves {
            title: "t".into(),
            plot: "Transient Analysis".into(),
            columns: vec![column("time", ColumnKind::Time, Values::Real(vec![0.0, 1.0]))],
        };
        let mut bytes = Vec::new();
        write(&mut bytes, &waves).unwrap();
        let place = place % bytes.len();
        match cut {
            true => bytes.truncate(place),
            false => bytes[place] = with,
        }
        let folder = tempfile::tempdir().unwrap();
        if let Err(fault) = read(&file(folder.path(), &bytes)) {
            assert!(!fault.message.is_empty() && !fault.help.is_empty());
        }
    }
}
