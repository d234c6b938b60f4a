//! Passwords for SCRAM: DescribeUserScramCredentials (50) and AlterUserScramCredentials (51), version 0 each (KIP-554).
//!
//! Kafka's controller keeps them whether a listener asks for them or not, and so they are kept here: with what can be told of
//! them, which is the mechanism and the number of its iterations. The salt and the salted password would only be read by a
//! listener that asks for passwords, and there is none: they are dropped as they come.

use std::collections::BTreeMap;

use crate::broker::kept::ENTRY_BYTES;
use crate::wire::ErrorCode;

/// How a password is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    Sha256 = 1,
    Sha512 = 2,
}

impl Mechanism {
    fn from_number(number: i8) -> Option<Self> {
        [Self::Sha256, Self::Sha512].into_iter().find(|mechanism| *mechanism as i8 == number)
    }
}

/// The passwords of all users: for each user and mechanism the number of iterations. A user without one has no entry.
#[derive(Debug, Default)]
pub struct Credentials(BTreeMap<String, BTreeMap<Mechanism, i32>>);

impl Credentials {
    fn has(&self, user: &str, mechanism: Mechanism) -> bool {
        self.0.get(user).is_some_and(|mechanisms| mechanisms.contains_key(&mechanism))
    }

    /// The memory of all passwords, as [`kept`](crate::broker::kept) counts it.
    pub fn held_bytes(&self) -> usize {
        self.0.keys().map(|user| user_bytes(user)).sum()
    }

    fn held_bytes_of(&self, user: &str) -> usize {
        if self.0.contains_key(user) { user_bytes(user) } else { 0 }
    }

    fn apply(&mut self, user: &str, change: Change) {
        let mechanisms = self.0.entry(user.to_owned()).or_default();
        match change {
            Change::Delete(mechanism) => mechanisms.remove(&mechanism),
            Change::Set(mechanism, iterations) => mechanisms.insert(mechanism, iterations),
        };
        if mechanisms.is_empty() {
            self.0.remove(user);
        }
    }
}

fn user_bytes(user: &str) -> usize {
    // One entry for the user, one for the mechanisms.
    2 * ENTRY_BYTES + user.len()
}

/// What happens to a user's password.
enum Change {
    Delete(Mechanism),
    /// With the number of iterations.
    Set(Mechanism, i32),
}

/// An error's code and message.
type Refusal = (ErrorCode, &'static str);

pub mod alter_user_scram_credentials {
    use super::*;
    use crate::broker::kept::{Kept, NoRoom};
    use crate::broker::{Broker, Call};
    use crate::wire::messages::alter_user_scram_credentials::{AlterUserScramCredentialsResult, Request, Response};

    const ITERATIONS_MIN: i32 = 4096;
    const ITERATIONS_MAX: i32 = 16384;

    const TWICE: Refusal =
        (ErrorCode::DUPLICATE_RESOURCE, "A user credential cannot be altered twice in the same request");

    /// Users succeed or fail one by one. Of a user only one credential can be changed at a time; the first fault that is
    /// found counts, and deletions are looked at first.
    pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
        let Broker { credentials, kept, .. } = broker;
        let mut changes = BTreeMap::new();
        for asked in request.deletions {
            let change = deletion(credentials, &asked.name, asked.mechanism);
            add(&mut changes, asked.name, change);
        }
        for asked in request.upsertions {
            let change = upsertion(&asked.name, asked.mechanism, asked.iterations);
            add(&mut changes, asked.name, change);
        }
        let (done, refused): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(_, change)| change.is_ok());
        let result = |(user, change): (String, Result<Change, Refusal>)| {
            let (error_code, error_message) = match change {
                Err((error_code, message)) => (error_code, Some(message.to_owned())),
                Ok(change) => match keep(credentials, kept, &user, change) {
                    Ok(()) => (ErrorCode::NONE, None),
                    Err(no_room) => (ErrorCode::POLICY_VIOLATION, Some(no_room.sentence())),
                },
            };
            AlterUserScramCredentialsResult { user, error_code, error_message }
        };
        Response { results: done.into_iter().chain(refused).map(result).collect(), ..Response::default() }
    }

    /// Changes a user's password, if there is memory for it.
    fn keep(credentials: &mut Credentials, kept: &mut Kept, user: &str, change: Change) -> Result<(), NoRoom> {
        let before = credentials.held_bytes_of(user);
        if matches!(change, Change::Set(..)) {
            kept.check(before, user_bytes(user))?;
        }
        credentials.apply(user, change);
        kept.replace(before, credentials.held_bytes_of(user));
        Ok(())
    }

    /// Adds a user's change to those of the request.
    fn add(changes: &mut BTreeMap<String, Result<Change, Refusal>>, user: String, change: Result<Change, Refusal>) {
        let refuse_second = |first: &mut Result<Change, Refusal>| {
            if first.is_ok() {
                *first = Err(TWICE);
            }
        };
        changes.entry(user).and_modify(refuse_second).or_insert(change);
    }

    fn deletion(credentials: &Credentials, user: &str, mechanism: i8) -> Result<Change, Refusal> {
        let mechanism = check(user, mechanism)?;
        if !credentials.has(user, mechanism) {
            return Err((ErrorCode::RESOURCE_NOT_FOUND, "Attempt to delete a user credential that does not exist"));
        }
        Ok(Change::Delete(mechanism))
    }

    fn upsertion(user: &str, mechanism: i8, iterations: i32) -> Result<Change, Refusal> {
        let mechanism = check(user, mechanism)?;
        match iterations {
            ..ITERATIONS_MIN => Err((ErrorCode::UNACCEPTABLE_CREDENTIAL, "Too few iterations")),
            ITERATIONS_MIN..=ITERATIONS_MAX => Ok(Change::Set(mechanism, iterations)),
            _ => Err((ErrorCode::UNACCEPTABLE_CREDENTIAL, "Too many iterations")),
        }
    }

    fn check(user: &str, mechanism: i8) -> Result<Mechanism, Refusal> {
        if user.is_empty() {
            return Err((ErrorCode::UNACCEPTABLE_CREDENTIAL, "Username must not be empty"));
        }
        Mechanism::from_number(mechanism).ok_or((ErrorCode::UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism"))
    }
}

pub mod describe_user_scram_credentials {
    use super::*;
    use crate::broker::{Broker, Call};
    use crate::wire::messages::describe_user_scram_credentials::{
        CredentialInfo, DescribeUserScramCredentialsResult, Request, Response,
    };

    pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
        let credentials = &broker.credentials;
        // How often each user is named.
        let mut asked: BTreeMap<String, usize> = BTreeMap::new();
        for user in request.users.unwrap_or_default() {
            *asked.entry(user.name).or_default() += 1;
        }
        if asked.is_empty() {
            asked = credentials.0.keys().map(|user| (user.clone(), 1)).collect();
        }
        let results = asked.into_iter().map(|(user, times)| describe(credentials, user, times)).collect();
        Response { results, ..Response::default() }
    }

    fn describe(credentials: &Credentials, user: String, times: usize) -> DescribeUserScramCredentialsResult {
        let refuse = |error_code, message: &str| DescribeUserScramCredentialsResult {
            error_code,
            error_message: Some(format!("{message}: {user}")),
            user: user.clone(),
            ..DescribeUserScramCredentialsResult::default()
        };
        if times > 1 {
            let message = "Cannot describe SCRAM credentials for the same user twice in a single request";
            return refuse(ErrorCode::DUPLICATE_RESOURCE, message);
        }
        let Some(mechanisms) = credentials.0.get(&user) else {
            return refuse(ErrorCode::RESOURCE_NOT_FOUND, "Attempt to describe a user credential that does not exist");
        };
        let info = |(mechanism, iterations): (&Mechanism, &i32)| CredentialInfo {
            mechanism: *mechanism as i8,
            iterations: *iterations,
        };
        let credential_infos = mechanisms.iter().map(info).collect();
        DescribeUserScramCredentialsResult { user, credential_infos, ..DescribeUserScramCredentialsResult::default() }
    }
}
