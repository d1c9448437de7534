//! Numbers as bytes: little endian, whole ones in as many groups of seven bits as they need.

use llmos_engine::forecast::Numbers;

/// Takes numbers out, to the end of a buffer.
pub(super) struct Out<'a> {
    bytes: &'a mut Vec<u8>,
    /// The state is not one that could be put back.
    refused: bool,
}

impl<'a> Out<'a> {
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self {
            bytes,
            refused: false,
        }
    }
}

impl Numbers for Out<'_> {
    fn f32s(&mut self, numbers: &mut [f32]) {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes());
        self.bytes.extend(bytes);
    }

    fn f64s(&mut self, numbers: &mut [f64]) {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes());
        self.bytes.extend(bytes);
    }

    fn whole(&mut self, number: &mut u64) {
        let mut rest = *number;
        while rest >= 0x80 {
            self.bytes.push((rest as u8) | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }

    fn puts_in(&self) -> bool {
        false
    }

    fn refuse(&mut self) {
        self.refused = true;
    }

    fn believed(&self) -> bool {
        !self.refused
    }
}

/// Puts numbers in, from bytes that may be anything.
pub(super) struct In<'a> {
    bytes: &'a [u8],
    refused: bool,
}

impl<'a> In<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            refused: false,
        }
    }

    /// The next bytes; none when there are not so many.
    pub(super) fn next<const N: usize>(&mut self) -> Option<[u8; N]> {
        let Some((first, rest)) = self.bytes.split_first_chunk::<N>() else {
            self.refused = true;
            return None;
        };
        self.bytes = rest;
        Some(*first)
    }

    /// A text with its length before it.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let mut len = 0;
        self.whole(&mut len);
        let len = usize::try_from(len).ok().filter(|_| !self.refused)?;
        let (text, rest) = self.bytes.split_at_checked(len)?;
        self.bytes = rest;
        std::str::from_utf8(text).ok()
    }
}

impl Numbers for In<'_> {
    fn f32s(&mut self, numbers: &mut [f32]) {
        for number in numbers {
            *number = self.next().map_or(*number, f32::from_le_bytes);
        }
    }

    fn f64s(&mut self, numbers: &mut [f64]) {
        for number in numbers {
            *number = self.next().map_or(*number, f64::from_le_bytes);
        }
    }

    fn whole(&mut self, number: &mut u64) {
        let mut read = 0;
        for shift in (0..64).step_by(7) {
            let Some([byte]) = self.next() else { return };
            let bits = u64::from(byte & 0x7f);
            read |= bits << shift;
            if bits << shift >> shift != bits {
                break;
            }
            if byte < 0x80 {
                *number = read;
                return;
            }
        }
        self.refused = true;
    }

    fn puts_in(&self) -> bool {
        true
    }

    fn refuse(&mut self) {
        self.refused = true;
    }

    fn believed(&self) -> bool {
        !self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_trip() {
        let whole = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let mut bytes = Vec::new();
        let mut out = Out::new(&mut bytes);
        for mut number in whole {
            out.whole(&mut number);
        }
        out.f32s(&mut [f32::NAN, -0.5]);
        out.f64s(&mut [f64::MAX]);
        let mut back = In::new(&bytes);
        for expected in whole {
            let mut number = 7;
            back.whole(&mut number);
            assert_eq!(number, expected);
        }
        let (mut shorts, mut longs) = ([0.0; 2], [0.0]);
        back.f32s(&mut shorts);
        back.f64s(&mut longs);
        assert!(shorts[0].is_nan() && shorts[1].to_bits() == (-0.5_f32).to_bits());
        assert_eq!(longs[0].to_bits(), f64::MAX.to_bits());
        assert!(back.believed() && back.bytes.is_empty());
        back.whole(&mut 0);
        assert!(!back.believed());
    }

    #[test]
    fn a_whole_number_without_end_is_refused() {
        for bytes in [&[0xff; 12][..], &[0xff; 3][..], &[0x80; 20][..]] {
            let mut back = In::new(bytes);
            let mut number = 5;
            back.whole(&mut number);
            assert!(!back.believed() && number == 5, "{bytes:?}");
        }
    }
}
