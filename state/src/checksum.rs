//! A checksum of each row, because SQLite keeps none and a flipped byte inside of a text would go unseen.

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a, 64 bits, over the fields and their lengths. Every step is a bijection of the sum, so that any single wrong byte shows.
pub fn checksum(fields: &[&[u8]]) -> i64 {
    let mut sum = OFFSET;
    for field in fields {
        for byte in u64::try_from(field.len()).unwrap_or(u64::MAX).to_le_bytes().iter().chain(field.iter()) {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }
    sum.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_and_each_border_counts() {
        let sum = checksum(&[b"ab", b"c"]);
        for other in [[b"ab".as_slice(), b"d"], [b"a", b"bc"], [b"aa", b"c"], [b"ab", b""]] {
            assert_ne!(sum, checksum(&other));
        }
        assert_eq!(sum, checksum(&[b"ab", b"c"]));
    }
}
