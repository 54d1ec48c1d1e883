//! `TFRecord` framing: length (u64), its checksum (u32), the record, its checksum (u32), all little-endian. The
//! checksums are CRC-32C (Castagnoli), rotated and offset by a constant.
//!
//! Source: `tensorflow/core/lib/io/record_writer.h`.

/// Length and its checksum.
const HEADER: usize = 12;
const FOOTER: usize = 4;
/// Longer records hold images or graphs: they are stepped over.
const LONGEST: usize = 4 << 20;

/// Cuts records out of a file as it grows.
#[derive(Default)]
pub(super) struct Records {
    /// The beginning of a record whose end is not there yet; bounded by `LONGEST` and one chunk.
    begun: Vec<u8>,
    /// Bytes still to step over.
    skip: usize,
}

impl Records {
    /// Gives every record that `chunk` completes to `each`.
    ///
    /// # Errors
    /// What is wrong with the file, when a checksum does not hold.
    pub(super) fn push(&mut self, chunk: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), String> {
        let skipped = self.skip.min(chunk.len());
        self.skip -= skipped;
        self.begun.extend_from_slice(&chunk[skipped..]);
        let mut at = 0;
        while let Some((header, rest)) = self.begun[at..].split_first_chunk::<HEADER>() {
            let [l0, l1, l2, l3, l4, l5, l6, l7, c0, c1, c2, c3] = *header;
            let length = [l0, l1, l2, l3, l4, l5, l6, l7];
            check(&length, [c0, c1, c2, c3])?;
            let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
            if length > LONGEST {
                let whole = length.saturating_add(FOOTER);
                self.skip = whole.saturating_sub(rest.len());
                at = (at + HEADER).saturating_add(whole).min(self.begun.len());
                continue;
            }
            let Some((record, rest)) = rest.split_at_checked(length) else { break };
            let Some((checksum, _)) = rest.split_first_chunk::<FOOTER>() else { break };
            check(record, *checksum)?;
            each(record);
            at += HEADER + length + FOOTER;
        }
        self.begun.drain(..at);
        Ok(())
    }
}

fn check(bytes: &[u8], checksum: [u8; 4]) -> Result<(), String> {
    let (is, says) = (masked_crc32c(bytes), u32::from_le_bytes(checksum));
    if is == says {
        return Ok(());
    }
    Err(format!("not an event file, or damaged: a checksum is {is:08x} where the file says {says:08x}"))
}

fn masked_crc32c(bytes: &[u8]) -> u32 {
    const MASK_DELTA: u32 = 0xa282_ead8;
    crc32c(bytes).rotate_right(15).wrapping_add(MASK_DELTA)
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8))
}

const TABLE: [u32; 256] = {
    // Castagnoli's polynomial, bits reversed.
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
pub(super) fn framed(record: &[u8]) -> Vec<u8> {
    let length = (record.len() as u64).to_le_bytes();
    let mut bytes = length.to_vec();
    bytes.extend(masked_crc32c(&length).to_le_bytes());
    bytes.extend(record);
    bytes.extend(masked_crc32c(record).to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
        let mut records = Records::default();
        let mut found = Vec::new();
        for chunk in chunks {
            records.push(chunk, |record| found.push(record.to_vec()))?;
        }
        Ok(found)
    }

    /// The check value of the catalogue of parametrised CRC algorithms.
    #[test]
    fn the_checksum_is_crc_32c() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let file = framed(b"some record");
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert!(read(&[&damaged]).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_record_too_long_to_be_a_scalar_is_stepped_over_without_being_kept() {
        let long = framed(&vec![7; LONGEST + 1]);
        let mut records = Records::default();
        let mut found = Vec::new();
        for chunk in [&framed(b"a")[..], &long, &framed(b"b")].concat().chunks(1 << 16) {
            records.push(chunk, |record| found.push(record.to_vec())).unwrap();
            assert!(records.begun.len() <= 1 << 17);
        }
        assert_eq!(found, [b"a", b"b"]);
    }

    proptest! {
        #[test]
        fn records_come_out_whole_however_the_file_grows(
            records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8),
            step in 1_usize..50,
        ) {
            let file: Vec<u8> = records.iter().flat_map(|record| framed(record)).collect();
            let chunks: Vec<_> = file.chunks(step).collect();
            prop_assert_eq!(read(&chunks), Ok(records));
        }
    }
}
