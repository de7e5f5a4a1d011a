//! The file that `memd export` writes and `memd import` reads: sessions as they lie in their store, each with its
//! checksum, in a stream that needs no going back.
//!
//! ```text
//! file     =  "memd-sessions 1\n"  record*  end
//! record   =  "S"  id length u16  client flags u32  expires u64  value length u32  id  value  crc32 u32
//! end      =  "E"  number of records u64  crc32 u32
//! ```
//!
//! Numbers are big endian. `expires` is a Unix time in seconds, 0 for never. The id has no namespace before it; the value is the
//! item's, so for flag 1 a frozen hash, for flag 2 its gzip. The CRC-32 (that of gzip) of a record is over the record up to it; that
//! of the end is over all of the file up to it. A file without its end is not whole.

use std::io::{self, Read, Write};

use session::MAX_KEY;

/// What such a file begins with; the number is the format's version.
pub const MAGIC: &[u8] = b"memd-sessions 1\n";

const BEGINNING: &[u8] = b"memd-sessions ";
const SESSION: u8 = b'S';
const END: u8 = b'E';

/// The longest value: memcached's own limit.
const MAX_VALUE: u32 = 1 << 30;

/// How much memory a value gets ahead of its bytes.
const AHEAD: u64 = 1 << 20;

/// A session in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: Vec<u8>,
    /// The item's client flags.
    pub flags: u32,
    /// The Unix time in seconds when it expires, 0 for never.
    pub expires: u64,
    /// The item's value.
    pub value: Vec<u8>,
}

/// Writes such a file.
pub struct Writer<W> {
    out: W,
    sum: crc32fast::Hasher,
    records: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    pub fn new(out: W) -> io::Result<Writer<W>> {
        let mut writer = Writer { out, sum: crc32fast::Hasher::new(), records: 0 };
        writer.put(MAGIC)?;
        Ok(writer)
    }

    /// Writes a session.
    pub fn session(&mut self, id: &[u8], flags: u32, expires: u64, value: &[u8]) -> io::Result<()> {
        let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "a session longer than an export can hold");
        let mut head = vec![SESSION];
        head.extend(u16::try_from(id.len()).map_err(too_long)?.to_be_bytes());
        head.extend(flags.to_be_bytes());
        head.extend(expires.to_be_bytes());
        head.extend(u32::try_from(value.len()).map_err(too_long)?.to_be_bytes());
        head.extend(id);
        let mut sum = crc32fast::Hasher::new();
        sum.update(&head);
        sum.update(value);
        self.put(&head)?;
        self.put(value)?;
        self.put(&sum.finalize().to_be_bytes())?;
        self.records += 1;
        Ok(())
    }

    /// Ends the file; returns what it was written to.
    pub fn finish(mut self) -> io::Result<W> {
        let records = self.records.to_be_bytes();
        self.put(&[&[END], &records[..]].concat())?;
        let sum = self.sum.clone().finalize();
        self.put(&sum.to_be_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Reads such a file, whoever wrote it.
pub struct Reader<R> {
    input: R,
    sum: crc32fast::Hasher,
    at: u64,
    records: u64,
    ended: bool,
}

/// A fault of the file, with the offset of the byte where it begins.
#[derive(Debug)]
pub struct Fault {
    pub at: u64,
    pub what: String,
}

impl<R: Read> Reader<R> {
    /// Begins to read.
    pub fn new(input: R) -> Result<Reader<R>, Fault> {
        let mut reader = Reader { input, sum: crc32fast::Hasher::new(), at: 0, records: 0, ended: false };
        let mut magic = Vec::new();
        let read = (&mut reader.input).take(MAGIC.len() as u64).read_to_end(&mut magic);
        read.map_err(|error| reader.fault(0, error.to_string()))?;
        if magic != MAGIC {
            let what = match magic.strip_prefix(BEGINNING) {
                Some(version) => {
                    let version = version.split(|&byte| byte == b'\n').next().unwrap_or_default();
                    format!("is of version {}; this memd reads version 1", version.escape_ascii())
                }
                None => "is not an export of memd".to_owned(),
            };
            return Err(reader.fault(0, what));
        }
        reader.take_in(&magic);
        Ok(reader)
    }

    /// The next session; `None` when the file is complete.
    pub fn next(&mut self) -> Result<Option<Record>, Fault> {
        if self.ended {
            return Ok(None);
        }
        let begin = self.at;
        match self.bytes::<1>()? {
            [SESSION] => {}
            [END] => return self.end(begin),
            [other] => {
                return Err(self.fault(begin, format!("\"{}\" begins no record", other.escape_ascii())));
            }
        }
        let id_length = u16::from_be_bytes(self.bytes()?);
        let flags = u32::from_be_bytes(self.bytes()?);
        let expires = u64::from_be_bytes(self.bytes()?);
        let value_length = u32::from_be_bytes(self.bytes()?);
        if id_length == 0 || usize::from(id_length) > MAX_KEY || value_length > MAX_VALUE {
            let what = format!("a session with an id of {id_length} bytes and {value_length} bytes can't be");
            return Err(self.fault(begin, what));
        }
        let id = self.run(u64::from(id_length))?;
        let value = self.run(u64::from(value_length))?;
        let mut sum = crc32fast::Hasher::new();
        sum.update(&[SESSION]);
        sum.update(&id_length.to_be_bytes());
        sum.update(&flags.to_be_bytes());
        sum.update(&expires.to_be_bytes());
        sum.update(&value_length.to_be_bytes());
        sum.update(&id);
        sum.update(&value);
        if u32::from_be_bytes(self.bytes()?) != sum.finalize() {
            return Err(self.fault(begin, "a session is damaged: its checksum differs".to_owned()));
        }
        self.records += 1;
        Ok(Some(Record { id, flags, expires, value }))
    }

    /// How many bytes were read.
    pub fn offset(&self) -> u64 {
        self.at
    }

    fn end(&mut self, begin: u64) -> Result<Option<Record>, Fault> {
        let records = u64::from_be_bytes(self.bytes()?);
        let sum = self.sum.clone().finalize();
        if u32::from_be_bytes(self.bytes()?) != sum {
            return Err(self.fault(begin, "is damaged: its checksum differs".to_owned()));
        }
        if records != self.records {
            return Err(self.fault(begin, format!("has {} sessions, and says that it has {records}", self.records)));
        }
        let mut more = [0];
        match self.input.read(&mut more) {
            Ok(0) => {}
            Ok(_) => return Err(self.fault(self.at, "goes on after its end".to_owned())),
            Err(error) => return Err(self.fault(self.at, error.to_string())),
        }
        self.ended = true;
        Ok(None)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        if let Err(error) = self.input.read_exact(&mut bytes) {
            return Err(self.cut_short(&error));
        }
        self.take_in(&bytes);
        Ok(bytes)
    }

    fn run(&mut self, length: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::with_capacity(usize::try_from(length.min(AHEAD)).unwrap_or_default());
        let read = (&mut self.input).take(length).read_to_end(&mut bytes);
        match read {
            Ok(read) if read as u64 == length => {}
            Ok(_) => return Err(self.cut_short(&io::ErrorKind::UnexpectedEof.into())),
            Err(error) => return Err(self.cut_short(&error)),
        }
        self.take_in(&bytes);
        Ok(bytes)
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.sum.update(bytes);
        self.at += bytes.len() as u64;
    }

    fn cut_short(&self, error: &io::Error) -> Fault {
        let what = match error.kind() {
            io::ErrorKind::UnexpectedEof => "is cut off: it has no end".to_owned(),
            _ => error.to_string(),
        };
        self.fault(self.at, what)
    }

    fn fault(&self, at: u64, what: String) -> Fault {
        Fault { at, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let record =
            |id: &[u8], flags, expires, value: &[u8]| Record { id: id.to_vec(), flags, expires, value: value.to_vec() };
        vec![
            record(b"5f0c", 1, 0, b"\x05\x0b\x03\0\0\0\0"),
            record(&[b'x'; MAX_KEY], 3, u64::MAX, b""),
            record(b"binary\xff", 32 | 0x00ff_0000, 1_900_000_000, &[0; 70_000]),
        ]
    }

    fn written(records: &[Record]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new()).unwrap();
        for record in records {
            writer.session(&record.id, record.flags, record.expires, &record.value).unwrap();
        }
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Record>, Fault> {
        let mut reader = Reader::new(bytes)?;
        let mut records = Vec::new();
        while let Some(record) = reader.next()? {
            records.push(record);
        }
        assert_eq!(reader.offset(), bytes.len() as u64);
        Ok(records)
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read(&written(&records())).unwrap(), records());
        assert_eq!(read(&written(&[])).unwrap(), []);
    }

    #[test]
    fn the_bytes_are_those_that_are_documented() {
        let file = written(&records()[..1]);
        let head = b"memd-sessions 1\nS\0\x04\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x075f0c\x05\x0b\x03\0\0\0\0";
        assert_eq!(file[..head.len()], head[..]);
        let record = &head[MAGIC.len()..];
        assert_eq!(file[head.len()..][..4], crc32fast::hash(record).to_be_bytes());
        assert_eq!(file[head.len() + 4..][..9], *b"E\0\0\0\0\0\0\0\x01");
        let (rest, sum) = file.split_at(file.len() - 4);
        assert_eq!(*sum, crc32fast::hash(rest).to_be_bytes());
    }

    #[test]
    fn a_file_cut_off_anywhere_is_an_error() {
        let file = written(&records()[..2]);
        for end in 0..file.len() {
            let fault = read(&file[..end]).unwrap_err();
            let says = if end < MAGIC.len() { "is " } else { "is cut off" };
            assert!(fault.what.starts_with(says), "{end}: {fault:?}");
        }
        let fault = read(&[&file[..], b"x"].concat()).unwrap_err();
        assert_eq!((fault.at, fault.what.as_str()), (file.len() as u64, "goes on after its end"));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_an_error() {
        let file = written(&records()[..2]);
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut file = file.clone();
                file[at] ^= 1 << bit;
                assert!(read(&file).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn a_record_that_is_missing_is_noticed() {
        let [one, both] = [&records()[..1], &records()[..2]].map(written);
        let end = both.len() - 13;
        let forged = [&one[..one.len() - 13], &both[end..]].concat();
        assert!(read(&forged).unwrap_err().what.contains("checksum"));
    }

    #[test]
    fn a_forged_length_takes_no_memory() {
        let file = [MAGIC, b"S\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\x3f\xff\xff\xffx"].concat();
        assert!(read(&file).unwrap_err().what.starts_with("is cut off"));
        let file = [MAGIC, b"S\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\xff\xff\xff\xffx"].concat();
        assert!(read(&file).unwrap_err().what.contains("can't be"));
    }

    #[test]
    fn another_version_is_named() {
        assert_eq!(read(b"memd-sessions 2\n...").unwrap_err().what, "is of version 2; this memd reads version 1");
        assert_eq!(read(b"\x7fELF").unwrap_err().what, "is not an export of memd");
    }
}
