//! Lays out the subnets of a VPC that is made for a cluster, when its zones are given; pure arithmetic on IPv4 blocks.
//!
//! The block is cut into eighths: private subnets take the eighths 2 to 7, public ones the thirty-seconds 0 to 5. So a subnet's
//! place depends on the position of its zone alone.

use std::net::Ipv4Addr;

/// Most zones that a VPC can be laid out for.
pub const MAX_ZONES: usize = 6;
/// The block of a VPC that CAPA makes without being told one.
pub const DEFAULT_BLOCK: &str = "10.0.0.0/16";

/// An IPv4 block in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    start: u32,
    prefix: u32,
}

/// The subnets of one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Block of its private subnet.
    pub private: Block,
    /// Block of its public subnet.
    pub public: Block,
}

impl Block {
    /// Reads `10.0.0.0/16`; `None` if it is no block, or has bits after its prefix.
    pub fn parse(text: &str) -> Option<Block> {
        let (address, prefix) = text.split_once('/')?;
        let start = u32::from(address.parse::<Ipv4Addr>().ok()?);
        let prefix = prefix.parse::<u32>().ok().filter(|prefix| *prefix <= 32)?;
        let block = Block { start, prefix };
        (start & !block.mask() == 0).then_some(block)
    }

    /// Whether the two have an address in common.
    pub fn overlaps(self, other: Block) -> bool {
        let mask = self.mask() & other.mask();
        self.start & mask == other.start & mask
    }

    /// Whether AWS makes a VPC of it (/16 to /28) and its thirty-seconds are subnets (/28 at the least).
    pub fn fits_vpc(self) -> bool {
        (16..=23).contains(&self.prefix)
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0)
    }

    /// The part at `index` when the block is cut into parts with `bits` more bits of prefix.
    fn part(self, bits: u32, index: u32) -> Block {
        let prefix = (self.prefix + bits).min(32);
        let offset = index.checked_shl(32 - prefix).unwrap_or(0);
        Block { start: self.start.wrapping_add(offset), prefix }
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.start), self.prefix)
    }
}

/// The subnets of the zone at a position.
pub fn zone(vpc: Block, position: u32) -> Zone {
    Zone { private: vpc.part(3, 2 + position), public: vpc.part(5, position) }
}

#[cfg(test)]
mod tests {
    use super::{Block, MAX_ZONES, zone};

    #[test]
    fn blocks_are_read_as_they_are_written() {
        for text in ["10.0.0.0/16", "172.16.0.0/12", "0.0.0.0/0", "10.1.2.3/32"] {
            assert_eq!(Block::parse(text).map(|block| block.to_string()).as_deref(), Some(text));
        }
        for text in ["10.0.0.1/16", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "fd00::/8", "", "10.0.0.0/-1"] {
            assert_eq!(Block::parse(text), None, "{text}");
        }
    }

    #[test]
    fn subnets_lie_in_the_vpc_and_apart_from_each_other() {
        for text in ["10.0.0.0/16", "10.250.128.0/23", "192.168.64.0/19"] {
            let vpc = Block::parse(text).expect("a block");
            assert!(vpc.fits_vpc());
            let zones = (0..u32::try_from(MAX_ZONES).expect("few")).map(|position| zone(vpc, position));
            let subnets: Vec<Block> = zones.flat_map(|zone| [zone.private, zone.public]).collect();
            for (position, subnet) in subnets.iter().enumerate() {
                assert!(subnet.overlaps(vpc) && subnet.prefix > vpc.prefix && subnet.prefix <= 28, "{subnet} in {vpc}");
                assert_eq!(Block::parse(&subnet.to_string()), Some(*subnet));
                assert!(subnets.iter().skip(position + 1).all(|other| !subnet.overlaps(*other)), "{subnet}");
            }
        }
    }

    #[test]
    fn overlap_is_mutual_and_exact() {
        let table = [
            ("10.0.0.0/16", "10.0.255.0/24", true),
            ("10.0.0.0/16", "10.1.0.0/16", false),
            ("0.0.0.0/0", "192.168.0.0/16", true),
            ("10.0.0.0/8", "11.0.0.0/8", false),
        ];
        for (a, b, want) in table {
            let (a, b) = (Block::parse(a).expect("a"), Block::parse(b).expect("b"));
            assert_eq!((a.overlaps(b), b.overlaps(a)), (want, want), "{a} {b}");
        }
    }
}
