//! Which addresses are public: what the IANA registries of special-purpose addresses call globally reachable.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses, and what it is for. The first one that holds an address names it.
struct Range<A>(A, u32, &'static str);

/// Of the IANA IPv4 Special-Purpose Address Registry, with multicast and the relays of 6to4. The few addresses of 192.0.0.0/24
/// that are reachable globally serve protocols, and no requests.
const V4: [Range<Ipv4Addr>; 16] = [
    Range(Ipv4Addr::new(0, 0, 0, 0), 8, "this network's"),
    Range(Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    Range(Ipv4Addr::new(100, 64, 0, 0), 10, "shared by a carrier's NAT"),
    Range(Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    Range(Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    Range(Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    Range(Ipv4Addr::new(192, 0, 0, 0), 24, "reserved"),
    Range(Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    Range(Ipv4Addr::new(192, 88, 99, 0), 24, "reserved"),
    Range(Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    Range(Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    Range(Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    Range(Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    Range(Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    Range(Ipv4Addr::BROADCAST, 32, "broadcast"),
    Range(Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// Of the IANA IPv6 Special-Purpose Address Registry. 2001::/23 is for protocols, Teredo among them.
const V6: [Range<Ipv6Addr>; 11] = [
    Range(Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    Range(Ipv6Addr::LOCALHOST, 128, "loopback"),
    Range(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 96, "an IPv4 address"),
    Range(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "an IPv4 address"),
    Range(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "for protocols"),
    Range(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    Range(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
    Range(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "private"),
    Range(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    Range(Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "private"),
    Range(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

/// All that IANA has given out for hosts of the whole internet.
const UNICAST: Range<Ipv6Addr> = Range(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, "public");
/// Ranges with an IPv4 address within, which is where a packet goes in the end.
const NAT64: Range<Ipv6Addr> = Range(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, "public");
const SIX_TO_FOUR: Range<Ipv6Addr> = Range(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "public");

impl Range<Ipv4Addr> {
    fn holds(&self, address: Ipv4Addr) -> bool {
        (self.0.to_bits() ^ address.to_bits()) >> (u32::BITS - self.1) == 0
    }
}

impl Range<Ipv6Addr> {
    fn holds(&self, address: Ipv6Addr) -> bool {
        (self.0.to_bits() ^ address.to_bits()) >> (u128::BITS - self.1) == 0
    }
}

/// What an address is instead of public, as in "loopback"; none for a public one.
pub(super) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    V4.iter().find(|range| range.holds(address)).map(|range| range.2)
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    if NAT64.holds(address) {
        return not_public_v4(Ipv4Addr::from_bits(bits as u32));
    }
    if SIX_TO_FOUR.holds(address) {
        return not_public_v4(Ipv4Addr::from_bits((bits >> 80) as u32));
    }
    if let Some(range) = V6.iter().find(|range| range.holds(address)) {
        return Some(range.2);
    }
    (!UNICAST.holds(address)).then_some("reserved")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::not_public;

    #[test]
    fn an_address_that_is_not_of_the_whole_internet_is_not_public() {
        let cases = [
            ("0.0.0.0", "this network's"),
            ("0.255.255.255", "this network's"),
            ("10.0.0.0", "private"),
            ("10.255.255.255", "private"),
            ("100.64.0.0", "shared by a carrier's NAT"),
            ("100.127.255.255", "shared by a carrier's NAT"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.255", "loopback"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.0", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.1", "reserved"),
            ("192.0.0.9", "reserved"),
            ("192.0.2.1", "for documentation"),
            ("192.88.99.1", "reserved"),
            ("192.168.0.0", "private"),
            ("192.168.255.255", "private"),
            ("198.18.0.0", "for benchmarks"),
            ("198.19.255.255", "for benchmarks"),
            ("198.51.100.7", "for documentation"),
            ("203.0.113.7", "for documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.0", "reserved"),
            ("255.255.255.254", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::127.0.0.1", "an IPv4 address"),
            ("::8.8.8.8", "an IPv4 address"),
            ("::ffff:127.0.0.1", "an IPv4 address"),
            ("::ffff:8.8.8.8", "an IPv4 address"),
            ("64:ff9b::127.0.0.1", "loopback"),
            ("64:ff9b::10.1.2.3", "private"),
            ("64:ff9b::169.254.169.254", "link-local"),
            ("64:ff9b:1::1", "reserved"),
            ("100::1", "reserved"),
            ("2001::1", "for protocols"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "for protocols"),
            ("2001:2::1", "for protocols"),
            ("2001:20::1", "for protocols"),
            ("2001:db8::1", "for documentation"),
            ("2002:7f00:1::1", "loopback"),
            ("2002:a00:1::1", "private"),
            ("2002:c0a8:101::1", "private"),
            ("3fff::1", "for documentation"),
            ("3fff:fff:ffff::1", "for documentation"),
            ("4000::1", "reserved"),
            ("5f00::1", "reserved"),
            ("fc00::1", "private"),
            ("fd12:3456:789a::1", "private"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "private"),
            ("ff02::1", "multicast"),
        ];
        for (address, expected) in cases {
            assert_eq!(not_public(address.parse().unwrap()), Some(expected), "{address}");
        }
    }

    #[test]
    fn an_address_of_the_whole_internet_is_public() {
        for address in [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7::1",
            "2001:db9::1",
            "2002:808:808::1",
            "2606:4700::1111",
            "3ffe:ffff::1",
        ] {
            assert_eq!(not_public(address.parse().unwrap()), None, "{address}");
        }
    }
}
