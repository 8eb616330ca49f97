//! Places by address: how many connections each has open, on all threads.
//!
//! A plain value: the shell keeps it under a lock of its own, and takes that once when a connection
//! comes and once when it goes. On the path of a byte nobody asks. So the bound is exact over all
//! threads, however the kernel deals connections out.
//!
//! Came from: the shell, with the address of a connection that has come, or has gone. Goes to: the
//! same, with leave to keep it. Absent on purpose: addresses of nobody. What is kept is bounded by
//! the connections that are open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::ids::Network;
use crate::spare::Spare;

/// Places that are taken. Invariant: no count is 0.
#[derive(Debug, Default)]
pub struct Places {
    taken: HashMap<Network, u32>,
}

impl Places {
    /// A connection of `network` has come. `false`: it has `most` already, and gets no more.
    pub fn take(&mut self, network: Network, most: usize) -> bool {
        match self.taken.entry(network) {
            Entry::Occupied(mut entry) if (*entry.get() as usize) < most => {
                *entry.get_mut() += 1;
                true
            }
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(1);
                true
            }
        }
    }

    /// A connection of `network` has gone, which had taken a place.
    pub fn free(&mut self, network: Network) {
        if let Entry::Occupied(mut entry) = self.taken.entry(network) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
        self.taken.give_back();
    }

    /// How many places are taken in all.
    pub fn total(&self) -> usize {
        self.taken.values().map(|&count| count as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ROOM_KEPT;
    use std::net::IpAddr;

    fn network(text: &str) -> Network {
        text.parse::<IpAddr>().expect("an address").into()
    }

    #[test]
    fn an_address_gets_so_many_places_and_no_other_loses_any() {
        let (mut places, one, other) =
            (Places::default(), network("192.0.2.1"), network("2001:db8::1"));
        assert!(places.take(one, 2) && places.take(one, 2) && !places.take(one, 2));
        assert!(places.take(other, 2));
        assert_eq!(places.total(), 3);
        places.free(one);
        assert!(places.take(one, 2) && !places.take(one, 2));
    }

    #[test]
    fn whoever_has_gone_is_not_remembered() {
        let mut places = Places::default();
        for n in 0..10_000_u32 {
            assert!(places.take(IpAddr::from(n.to_be_bytes()).into(), 1));
        }
        for n in 0..10_000_u32 {
            places.free(IpAddr::from(n.to_be_bytes()).into());
        }
        assert_eq!((places.total(), places.taken.len()), (0, 0));
        assert!(places.taken.capacity() <= 4 * ROOM_KEPT);
        places.free(network("192.0.2.1"));
        assert_eq!(places.total(), 0, "nobody had it");
    }
}
