//! Who votes in the metadata quorum: AddRaftVoter (80), versions 0 to 1, and RemoveRaftVoter (81), version 0 (KIP-853).
//!
//! The voters can change once `kraft.version` is 1. Here that is about one voter, the broker itself, which cannot vote itself
//! out. A further one would first have to show that it can be reached; since this broker connects to nobody, none does, and it
//! is refused as Kafka refuses a voter that does not answer.

use std::collections::BTreeMap;

use super::features::KRAFT_VERSION;
use crate::broker::Broker;
use crate::wire::{ErrorCode, Uuid};

/// The name of the listener by which controllers talk to each other, as everybody calls it.
const CONTROLLER_LISTENER: &str = "CONTROLLER";

/// An error's code and message.
type Refusal = (ErrorCode, String);

/// A voter as it is called in messages.
fn voter(id: i32, directory: Uuid) -> String {
    format!("ReplicaKey(id={id}, directoryId={directory})")
}

/// All voters as they are called in messages.
fn voters(broker: &Broker) -> String {
    format!("[{}]", voter(broker.config.node_id, broker.voter_directory))
}

/// What both requests have to get right. `action` is what is asked for: `Add` or `Remove`.
fn check(broker: &Broker, action: &str, cluster_id: Option<&str>, id: i32, directory: Uuid) -> Result<(), Refusal> {
    if let Some(given) = cluster_id.filter(|given| *given != broker.cluster_id) {
        let message = format!("The given id \"{given}\" doesn't match the cluster id \"{}\"", broker.cluster_id);
        return Err((ErrorCode::INCONSISTENT_CLUSTER_ID, message));
    }
    if id < 0 || directory == Uuid::ZERO {
        let message = format!("{action} voter request didn't include a valid voter");
        return Err((ErrorCode::INVALID_REQUEST, message));
    }
    Ok(())
}

pub mod add_raft_voter {
    use super::*;
    use crate::broker::Call;
    use crate::wire::messages::add_raft_voter::{Listener, Request, Response};

    pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
        let (error_code, message) = refusal(broker, request);
        Response { error_code, error_message: Some(message), ..Response::default() }
    }

    fn refusal(broker: &Broker, request: Request) -> Refusal {
        let (id, directory) = (request.voter_id, request.voter_directory_id);
        if let Err(refusal) = check(broker, "Add", request.cluster_id.as_deref(), id, directory) {
            return refusal;
        }
        // Of several with one name the last one counts.
        let listeners =
            request.listeners.into_iter().map(|Listener { name, host, port }| (name.to_uppercase(), (host, port)));
        let listeners: BTreeMap<_, _> = listeners.collect();
        if !listeners.contains_key(CONTROLLER_LISTENER) {
            let shown =
                listeners.iter().map(|(name, (host, port))| format!("ListenerName({name})={host}/<unresolved>:{port}"));
            let shown = shown.collect::<Vec<_>>().join(", ");
            let message = format!(
                "Add voter request didn't include the endpoint (Endpoints(endpoints={{{shown}}})) for the default \
                 listener ListenerName({CONTROLLER_LISTENER})"
            );
            return (ErrorCode::INVALID_REQUEST, message);
        }
        if broker.features.level(KRAFT_VERSION) == 0 {
            let message = "Cluster doesn't support adding voter because the kraft.version feature is 0".to_owned();
            return (ErrorCode::UNSUPPORTED_VERSION, message);
        }
        if id == broker.config.node_id {
            let (new, all) = (voter(id, directory), voters(broker));
            let message = format!("The voter id for {new} is already part of the set of voters {all}.");
            return (ErrorCode::DUPLICATE_VOTER, message);
        }
        let message = "Aborted add voter operation for since API_VERSIONS returned an error BROKER_NOT_AVAILABLE";
        (ErrorCode::REQUEST_TIMED_OUT, message.to_owned())
    }
}

pub mod remove_raft_voter {
    use super::*;
    use crate::broker::Call;
    use crate::wire::messages::remove_raft_voter::{Request, Response};

    pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
        let (error_code, message) = refusal(broker, &request);
        Response { error_code, error_message: Some(message), ..Response::default() }
    }

    fn refusal(broker: &Broker, request: &Request) -> Refusal {
        let (id, directory) = (request.voter_id, request.voter_directory_id);
        if let Err(refusal) = check(broker, "Remove", request.cluster_id.as_deref(), id, directory) {
            return refusal;
        }
        if broker.features.level(KRAFT_VERSION) == 0 {
            let message = "Cluster doesn't support removing voter because the kraft.version feature is 0".to_owned();
            return (ErrorCode::UNSUPPORTED_VERSION, message);
        }
        let (leaving, all) = (voter(id, directory), voters(broker));
        (ErrorCode::VOTER_NOT_FOUND, format!("Cannot remove voter {leaving} from the set of voters {all}"))
    }
}
