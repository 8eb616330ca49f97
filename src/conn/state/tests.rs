//! The edges, checked as a graph.

use super::*;

#[test]
fn every_state_is_reached_and_all_lead_to_the_end() {
    for (state, _) in EDGES {
        let reached = EDGES.iter().any(|(_, exits)| exits.iter().any(|(exit, _)| exit == state));
        assert!(reached, "{state:?}");
        assert!(may_lead(*state, Name::Closed) || *state == Name::Closed);
    }
    assert_eq!(EDGES.len(), 12);
}

#[test]
fn an_idle_state_is_small() {
    assert!(size_of::<State>() <= 64, "{}", size_of::<State>());
}
