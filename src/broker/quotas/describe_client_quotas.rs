//! DescribeClientQuotas (48), versions 0 to 1: the quotas of the entities that a filter lets through.
//!
//! The filter has a component for each type of part that it wants an entity to have: with a certain name, as the default, or
//! either. A strict filter lets only entities through that have no further parts. A filter without components means every
//! entity, or none at all if it is strict.

use std::collections::BTreeMap;

use super::entity::{CLIENT_ID, Entity, IP, Name, USER};
use super::{Broker, Call, Key};
use crate::wire::ErrorCode;
use crate::wire::messages::describe_client_quotas::{
    ComponentData, EntityData, EntryData, Request, Response, ValueData,
};

/// What a part of an entity has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Match {
    Exactly(Name),
    Any,
}

const MATCH_EXACT: i8 = 0;
const MATCH_DEFAULT: i8 = 1;
const MATCH_SPECIFIED: i8 = 2;

type Filter = BTreeMap<String, Match>;

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let filter = match read_filter(request.components) {
        Ok(filter) => filter,
        Err((error_code, message)) => {
            return Response { error_code, error_message: Some(message), entries: None, ..Response::default() };
        }
    };
    let matching = broker.quotas.limits.iter().filter(|(entity, _)| matches(&filter, request.strict, entity));
    Response { entries: Some(matching.map(|(entity, limits)| entry(entity, limits)).collect()), ..Response::default() }
}

fn read_filter(components: Vec<ComponentData>) -> Result<Filter, (ErrorCode, String)> {
    let invalid = |message: String| (ErrorCode::INVALID_REQUEST, message);
    let mut filter = Filter::new();
    for ComponentData { entity_type, match_type, match_: name } in components {
        if entity_type.is_empty() {
            return Err(invalid("Invalid empty entity type.".to_owned()));
        }
        if filter.contains_key(&entity_type) {
            return Err(invalid(format!("Entity type {entity_type} cannot appear more than once in the filter.")));
        }
        if ![USER, CLIENT_ID, IP].contains(&entity_type.as_str()) {
            return Err((ErrorCode::UNSUPPORTED_VERSION, format!("Unsupported entity type {entity_type}")));
        }
        let with_name =
            |kind| invalid(format!("Request specified MATCH_TYPE_{kind}, but also specified a match string."));
        let wanted = match (match_type, name) {
            (MATCH_EXACT, Some(name)) => Match::Exactly(Name::Named(name)),
            (MATCH_EXACT, None) => {
                let message = "Request specified MATCH_TYPE_EXACT, but set match string to null.";
                return Err(invalid(message.to_owned()));
            }
            (MATCH_DEFAULT, None) => Match::Exactly(Name::Default),
            (MATCH_DEFAULT, Some(_)) => return Err(with_name("DEFAULT")),
            (MATCH_SPECIFIED, None) => Match::Any,
            (MATCH_SPECIFIED, Some(_)) => return Err(with_name("SPECIFIED")),
            (other, _) => return Err(invalid(format!("Unknown match type {other}"))),
        };
        filter.insert(entity_type, wanted);
    }
    if filter.contains_key(IP) && filter.len() > 1 {
        let message = "Invalid entity filter component combination. IP filter component should not be used with user or \
                       clientId filter component.";
        return Err(invalid(message.to_owned()));
    }
    Ok(filter)
}

fn matches(filter: &Filter, strict: bool, entity: &Entity) -> bool {
    let fits = |(entity_type, wanted): (&String, &Match)| {
        let part = entity.parts().find(|(part_type, _)| part_type == entity_type);
        part.is_some_and(|(_, name)| *wanted == Match::Any || *wanted == Match::Exactly(name.clone()))
    };
    filter.iter().all(fits) && (!strict || entity.parts().count() == filter.len())
}

fn entry(entity: &Entity, limits: &BTreeMap<Key, f64>) -> EntryData {
    let part = |(entity_type, name): (&str, &Name)| EntityData {
        entity_type: entity_type.to_owned(),
        entity_name: name.to_wire(),
    };
    let value = |(key, value): (&Key, &f64)| ValueData { key: key.name().to_owned(), value: *value };
    EntryData { entity: entity.parts().map(part).collect(), values: limits.iter().map(value).collect() }
}
