//! Pieces that socket types are composed of: who is read next, who is written next, who gets a copy,
//! who is meant by a routing id, who wants which topics.
//!
//! Called by the socket types only. Must not know which type uses them, nor options. All of them hold
//! keys of pipes and find their entry by [`crate::pipe::PipeKey::index`], so that nothing is searched.

#![forbid(unsafe_code)]

mod distributor;
mod fair_queue;
mod load_balancer;
mod radix;
mod rotation;
mod routing_table;
mod topics;

pub(crate) use distributor::Distributor;
pub(crate) use fair_queue::FairQueue;
pub(crate) use load_balancer::LoadBalancer;
pub(crate) use routing_table::RoutingTable;
pub(crate) use topics::{Departure, Dropped, PublisherTopics, SubscriberTopics, Work};
