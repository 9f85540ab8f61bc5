//! DER (X.690) as far as certificates and keys need it: what stands in a sequence. Knows tags and lengths, and nothing of what they mean.

pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OCTET_STRING: u8 = 0x04;
pub const SEQUENCE: u8 = 0x30;

/// An element: its tag, and its content.
pub type Element<'d> = (u8, &'d [u8]);

/// The elements of one sequence that is all there is; `None`: it is none, or not whole.
pub fn inside(der: &[u8]) -> Option<Vec<Element<'_>>> {
    let (SEQUENCE, content, []) = first(der)? else { return None };
    elements(content)
}

/// The elements that stand one behind the other; `None`: one is not whole.
pub fn elements(mut content: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !content.is_empty() {
        let (tag, inner, rest) = first(content)?;
        elements.push((tag, inner));
        content = rest;
    }
    Some(elements)
}

/// Tag and content of the first element, and what comes after it.
fn first(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    // Long lengths are numbers of up to four bytes here: no certificate is longer.
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(*first & 0x7f))?;
            (bytes.iter().fold(0, |length: usize, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_der_writes_them() {
        let long = [vec![SEQUENCE, 0x81, 0x80, OCTET_STRING, 0x7e], vec![0; 0x7e]].concat();
        for (der, expected) in [
            (long.as_slice(), Some(vec![OCTET_STRING])),
            (&[SEQUENCE, 0x82, 0, 2, INTEGER, 0], Some(vec![INTEGER])),
            (&[SEQUENCE, 0x80, 0, 0], None),
            (&[SEQUENCE, 0x85, 0, 0, 0, 0, 0], None),
            (&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff], None),
            (&[SEQUENCE], None),
            (&[], None),
            (&[SEQUENCE, 0, 0], None),
            (&[OCTET_STRING, 0], None),
            (&[SEQUENCE, 1, INTEGER], None),
        ] {
            let found = inside(der).map(|elements| elements.iter().map(|(tag, _)| *tag).collect::<Vec<u8>>());
            assert_eq!(found, expected, "{der:?}");
        }
    }
}
