//! AlterClientQuotas (49), versions 0 to 1: sets and removes quotas of users, client ids and addresses.
//!
//! Each entity is changed as a whole or not at all. With `validate_only` everything is checked and nothing is changed. A
//! quota holds from the next request on; what was measured before still counts. An entity that a request names twice is
//! changed as the first time says, and told that the second was ignored.
//!
//! Kafka also takes an address by a name that it can look up. This broker looks nothing up: of all names it knows
//! `localhost`.

use std::collections::{BTreeMap, HashSet};

use super::Key;
use super::entity::{Entity, Name, parse_address};
use crate::broker::{Broker, CHANGES_MAX, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::alter_client_quotas::{EntityData, EntryData, EntryDataResponse, OpData, Request, Response};

/// What Kafka says to a request that changes too many quotas.
const TOO_MANY: &str = "Request parameters do not satisfy the configured policy.";

/// By how much a number that must be whole may miss it.
const EPSILON: f64 = 1e-6;

/// What becomes of the quotas of one entity; `None` removes one.
type Changes = BTreeMap<Key, Option<f64>>;

type Refusal = (ErrorCode, String);

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let mut entries: Vec<EntryDataResponse> = Vec::new();
    if request.entries.iter().map(|entry| entry.ops.len()).sum::<usize>() > CHANGES_MAX {
        let refuse = |entry: EntryData| respond(entry.entity, Err((ErrorCode::POLICY_VIOLATION, TOO_MANY.to_owned())));
        return Response { entries: request.entries.into_iter().map(refuse).collect(), ..Response::default() };
    }
    // Where the answer for an entity stands.
    let mut places = BTreeMap::new();
    for EntryData { entity: parts, ops } in request.entries {
        // Of two parts of the same type the last one counts.
        let named: BTreeMap<_, _> = parts.into_iter().map(|part| (part.entity_type, part.entity_name)).collect();
        let parts: Vec<_> =
            named.into_iter().map(|(entity_type, entity_name)| EntityData { entity_type, entity_name }).collect();
        let entity = match read_entity(&parts) {
            Ok(entity) => entity,
            Err(message) => {
                entries.push(respond(parts, Err((ErrorCode::INVALID_REQUEST, message))));
                continue;
            }
        };
        match places.get(&entity).and_then(|place: &usize| entries.get_mut(*place)) {
            Some(first) => *first = respond(parts, Err((ErrorCode::INVALID_REQUEST, duplicate(&entity)))),
            None => {
                places.insert(entity.clone(), entries.len());
                entries.push(respond(parts, alter(broker, entity, &ops, request.validate_only)));
            }
        }
    }
    Response { entries, ..Response::default() }
}

fn alter(broker: &mut Broker, entity: Entity, ops: &[OpData], validate_only: bool) -> Result<(), Refusal> {
    let invalid = |message| (ErrorCode::INVALID_REQUEST, message);
    let changes = read_changes(&entity, ops).map_err(invalid)?;
    if validate_only {
        return Ok(());
    }
    let changed = broker.quotas.change(entity, changes, &mut broker.kept);
    changed.map_err(|no_room| (ErrorCode::POLICY_VIOLATION, no_room.sentence()))
}

fn duplicate(entity: &Entity) -> String {
    format!("Ignoring duplicate entity {entity}")
}

fn respond(entity: Vec<EntityData>, outcome: Result<(), Refusal>) -> EntryDataResponse {
    let (error_code, error_message) = match outcome {
        Ok(()) => (ErrorCode::NONE, None),
        Err((error_code, message)) => (error_code, Some(message)),
    };
    EntryDataResponse { error_code, error_message, entity }
}

fn read_entity(parts: &[EntityData]) -> Result<Entity, String> {
    if parts.is_empty() {
        return Err("Invalid empty client quota entity".to_owned());
    }
    let mut entity = Entity::default();
    for EntityData { entity_type, entity_name } in parts {
        let part = entity.part_mut(entity_type);
        let part = part.ok_or_else(|| format!("Unhandled client quota entity type: {entity_type}"))?;
        if entity_name.as_deref() == Some("") {
            return Err(format!("Empty {entity_type} not supported"));
        }
        *part = Some(Name::from_wire(entity_name.clone()));
    }
    if entity.ip.is_some() && (entity.user.is_some() || entity.client_id.is_some()) {
        let message = "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId";
        return Err(message.to_owned());
    }
    if let Some(Name::Named(address)) = &entity.ip
        && parse_address(address).is_none()
    {
        return Err(format!("{address} is not a valid IP or resolvable host."));
    }
    Ok(entity)
}

fn read_changes(entity: &Entity, ops: &[OpData]) -> Result<Changes, String> {
    let mut seen = HashSet::new();
    if !ops.iter().all(|op| seen.insert(&op.key)) {
        // Kafka says this of a quota that is named twice, too.
        return Err(duplicate(entity));
    }
    let mut changes = Changes::new();
    for OpData { key: name, value, remove } in ops {
        let key = Key::from_name(name);
        if *remove {
            changes.extend(key.map(|key| (key, None)));
            continue;
        }
        let belongs = |key: &Key| (*key == Key::ConnectionCreationRate) == entity.ip.is_some();
        let key = key.filter(belongs).ok_or_else(|| format!("Invalid configuration key {name}"))?;
        check_value(key, *value)?;
        changes.insert(key, Some(*value));
    }
    Ok(changes)
}

/// Rates of bytes and connections are whole numbers, the others are not.
fn check_value(key: Key, value: f64) -> Result<(), String> {
    let name = key.name();
    if value <= 0.0 {
        return Err(format!("Quota {name} must be greater than 0"));
    }
    let (max, type_name) = match key {
        Key::ConnectionCreationRate => (f64::from(i32::MAX), "an INT"),
        Key::ConsumerByteRate | Key::ProducerByteRate => (i64::MAX as f64, "a LONG"),
        Key::ControllerMutationRate | Key::RequestPercentage => return Ok(()),
    };
    if value > max {
        return Err(format!("Proposed value for {name} is too large for {type_name}."));
    }
    if ((value + EPSILON).floor() - value).abs() > EPSILON {
        return Err(format!("{name} cannot be a fractional value."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let check = |key, value, expect: Result<(), &str>| {
            assert_eq!(check_value(key, value), expect.map_err(str::to_owned), "{key:?} {value}");
        };
        let fractional = Err("producer_byte_rate cannot be a fractional value.");
        check(Key::ProducerByteRate, 1.0, Ok(()));
        check(Key::ProducerByteRate, 1000.0000001, Ok(()));
        check(Key::ProducerByteRate, 999.9999999, Ok(()));
        check(Key::ProducerByteRate, 0.5, fractional);
        check(Key::ProducerByteRate, 1000.5, fractional);
        check(Key::ProducerByteRate, 0.0, Err("Quota producer_byte_rate must be greater than 0"));
        check(Key::ProducerByteRate, f64::NEG_INFINITY, Err("Quota producer_byte_rate must be greater than 0"));
        check(Key::ProducerByteRate, 1e30, Err("Proposed value for producer_byte_rate is too large for a LONG."));
        check(Key::RequestPercentage, 0.5, Ok(()));
        check(Key::RequestPercentage, f64::INFINITY, Ok(()));
        check(Key::ControllerMutationRate, 1e30, Ok(()));
        let too_large = Err("Proposed value for connection_creation_rate is too large for an INT.");
        check(Key::ConnectionCreationRate, 3e9, too_large);
    }
}
