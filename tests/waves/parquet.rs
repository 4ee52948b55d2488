//! Waveforms and tables as Parquet.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::data_type::{DoubleType, Int32Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
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
}

/// A file of ours, and one as others write them: compressed, by a dictionary, with values missing.
fn files() -> [Vec<u8>; 2] {
    let waves = Waves {
        title: "t".into(),
        plot: "Transient Analysis".into(),
        columns: vec![column("time", ColumnKind::Time, Values::Real(vec![0.0, 1.0]))],
    };
    let mut ours = Vec::new();
    write(&mut ours, &waves).unwrap();
    let schema = "message m { required double time; optional int32 n; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut foreign = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut foreign, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut times = group.next_column().unwrap().unwrap();
    times.typed::<DoubleType>().write_batch(&[0.5, 0.5, 1.5], None, None).unwrap();
    times.close().unwrap();
    let mut numbers = group.next_column().unwrap().unwrap();
    numbers.typed::<Int32Type>().write_batch(&[7, 7], Some(&[1, 0, 1]), None).unwrap();
    numbers.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    [ours, foreign]
}

#[test]
fn files_of_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let waves = read(&file(folder.path(), &files()[1])).unwrap();
    let Values::Real(numbers) = &waves.columns[1].values else { panic!("not real") };
    assert_eq!(waves.columns[0].values, Values::Real(vec![0.5, 0.5, 1.5]));
    assert!(numbers[0] == 7.0 && numbers[1].is_nan() && numbers[2] == 7.0);
}

/// Whatever a damaged file has in it is read or refused, with words.
#[test]
fn damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let look = |bytes: &[u8]| {
        if let Err(fault) = read(&file(folder.path(), bytes)) {
            assert!(!fault.message.is_empty() && !fault.help.is_empty());
        }
    };
    for whole in files() {
        for place in 0..whole.len() {
            look(&whole[..place]);
            let was = whole[place];
            for with in [0, 1, 0x7f, 0x80, 0xff, was ^ 1, was ^ 2, was ^ 0x10, was ^ 0x80] {
                let mut bytes = whole.clone();
                bytes[place] = with;
                look(&bytes);
            }
        }
    }
}
