//! Security that is not there, and the passwords for it that are kept all the same.

use kafka_rs::wire::messages::alter_user_scram_credentials::{ScramCredentialDeletion, ScramCredentialUpsertion};
use kafka_rs::wire::messages::describe_user_scram_credentials::UserName;
use kafka_rs::wire::messages::*;
use kafka_rs::wire::{ErrorCode, Message};

use crate::driver::{Driver, Exchange};

const SHA_256: i8 = 1;
const SHA_512: i8 = 2;

/// Asks in every version, and wants the same answer.
fn everywhere<Q: Exchange, T: PartialEq + std::fmt::Debug>(
    versions: std::ops::RangeInclusive<i16>,
    request: &Q,
    outcome: impl Fn(Q::Response) -> T,
    expect: &T,
) where
    Q::Response: Message,
{
    let driver = &mut Driver::default();
    let connection = driver.connect();
    for version in versions {
        assert_eq!(&outcome(driver.ask(connection, version, request)), expect, "v{version}");
    }
    let alive = driver.ask(connection, 4, &list_groups::Request::default());
    assert_eq!(alive.error_code, ErrorCode::NONE, "the connection stays open");
}

#[test]
fn nobody_has_to_prove_who_they_are() {
    let request = sasl_handshake::Request { mechanism: "PLAIN".to_owned() };
    let expect = (ErrorCode::ILLEGAL_SASL_STATE, vec![]);
    everywhere(0..=1, &request, |response| (response.error_code, response.mechanisms), &expect);
    let request = sasl_authenticate::Request { auth_bytes: (&b"\0u\0p"[..]).into() };
    let message = "SaslAuthenticate request received after successful authentication".to_owned();
    let expect = (ErrorCode::ILLEGAL_SASL_STATE, Some(message));
    everywhere(0..=2, &request, |response| (response.error_code, response.error_message), &expect);
}

#[test]
fn nobody_gets_a_token() {
    let refusal = ErrorCode::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
    let named = |kind: Option<&str>, name: Option<&str>| create_delegation_token::Request {
        owner_principal_type: kind.map(str::to_owned),
        owner_principal_name: name.map(str::to_owned),
        ..Default::default()
    };
    let owner = |response: create_delegation_token::Response| {
        (response.error_code, response.principal_type, response.principal_name, response.expiry_timestamp_ms)
    };
    let expect = |error_code, kind: &str, name: &str| (error_code, kind.to_owned(), name.to_owned(), -1);
    everywhere(1..=3, &named(None, None), owner, &expect(refusal, "User", "ANONYMOUS"));
    everywhere(3..=3, &named(Some("Planet"), Some("")), owner, &expect(refusal, "User", "ANONYMOUS"));
    everywhere(3..=3, &named(Some("Planet"), Some("mars")), owner, &expect(refusal, "Planet", "mars"));
    let stumbles = expect(ErrorCode::UNKNOWN_SERVER_ERROR, "User", "ANONYMOUS");
    everywhere(3..=3, &named(None, Some("mars")), owner, &stumbles);

    let expect = (refusal, -1);
    let request = renew_delegation_token::Request::default();
    everywhere(1..=2, &request, |response| (response.error_code, response.expiry_timestamp_ms), &expect);
    let request = expire_delegation_token::Request::default();
    everywhere(1..=2, &request, |response| (response.error_code, response.expiry_timestamp_ms), &expect);
    let request = describe_delegation_token::Request { owners: None };
    everywhere(1..=3, &request, |response| (response.error_code, response.tokens), &(refusal, vec![]));
}

fn delete(name: &str, mechanism: i8) -> ScramCredentialDeletion {
    ScramCredentialDeletion { name: name.to_owned(), mechanism }
}

fn set(name: &str, mechanism: i8, iterations: i32) -> ScramCredentialUpsertion {
    ScramCredentialUpsertion { name: name.to_owned(), mechanism, iterations, ..Default::default() }
}

/// The users of the answer, each with what happened.
fn alter(
    driver: &mut Driver,
    deletions: &[ScramCredentialDeletion],
    upsertions: &[ScramCredentialUpsertion],
) -> Vec<(String, ErrorCode)> {
    let connection = driver.connect();
    let request =
        alter_user_scram_credentials::Request { deletions: deletions.to_vec(), upsertions: upsertions.to_vec() };
    let results = driver.ask(connection, 0, &request).results;
    results.into_iter().map(|result| (result.user, result.error_code)).collect()
}

fn expect<const N: usize>(results: [(&str, ErrorCode); N]) -> Vec<(String, ErrorCode)> {
    results.map(|(user, error_code)| (user.to_owned(), error_code)).to_vec()
}

/// Every result as `USER: MECHANISM*ITERATIONS` or `USER: ERROR`.
fn describe(driver: &mut Driver, users: Option<&[&str]>) -> Vec<String> {
    let connection = driver.connect();
    let users = users.map(|users| users.iter().map(|name| UserName { name: (*name).to_owned() }).collect());
    let response = driver.ask(connection, 0, &describe_user_scram_credentials::Request { users });
    assert_eq!(response.error_code, ErrorCode::NONE);
    let show = |result: describe_user_scram_credentials::DescribeUserScramCredentialsResult| {
        let infos = result.credential_infos.iter().map(|info| format!(" {}*{}", info.mechanism, info.iterations));
        let error = if result.error_code.is_error() { format!(" {}", result.error_code) } else { String::new() };
        format!("{}:{}{error}", result.user, infos.collect::<String>())
    };
    response.results.into_iter().map(show).collect()
}

#[test]
fn passwords_are_kept_and_forgotten() {
    let driver = &mut Driver::default();
    assert_eq!(describe(driver, None), [""; 0]);
    let none = ErrorCode::NONE;
    let sets = [set("b", SHA_256, 4096), set("a", SHA_512, 16384)];
    assert_eq!(alter(driver, &[], &sets), expect([("a", none), ("b", none)]));
    assert_eq!(alter(driver, &[], &[set("b", SHA_512, 5000)]), expect([("b", none)]));
    assert_eq!(alter(driver, &[], &[set("b", SHA_256, 6000)]), expect([("b", none)]));
    let all = ["a: 2*16384", "b: 1*6000 2*5000"];
    assert_eq!(describe(driver, None), all);
    assert_eq!(describe(driver, Some(&[])), all);
    let mixed = ["a: DUPLICATE_RESOURCE", "b: 1*6000 2*5000", "c: RESOURCE_NOT_FOUND"];
    assert_eq!(describe(driver, Some(&["c", "a", "b", "a"])), mixed);
    let deletes = [delete("a", SHA_512), delete("b", SHA_256), delete("c", SHA_256)];
    let gone = expect([("a", none), ("b", none), ("c", ErrorCode::RESOURCE_NOT_FOUND)]);
    assert_eq!(alter(driver, &deletes, &[]), gone);
    assert_eq!(describe(driver, None), ["b: 2*5000"]);
}

#[test]
fn passwords_that_are_refused_leave_those_of_others_alone() {
    let driver = &mut Driver::default();
    let unacceptable = ErrorCode::UNACCEPTABLE_CREDENTIAL;
    let unknown = ErrorCode::UNSUPPORTED_SASL_MECHANISM;
    let sets = [
        set("few", SHA_256, 4095),
        set("good", SHA_256, 4096),
        set("many", SHA_256, 16385),
        set("negative", SHA_512, -1),
        set("none", 0, 4096),
        set("other", 3, 4096),
        set("", SHA_256, 4096),
    ];
    // What succeeds comes first.
    let refused = [
        ("good", ErrorCode::NONE),
        ("", unacceptable),
        ("few", unacceptable),
        ("many", unacceptable),
        ("negative", unacceptable),
        ("none", unknown),
        ("other", unknown),
    ];
    assert_eq!(alter(driver, &[], &sets), expect(refused));
    assert_eq!(describe(driver, None), ["good: 1*4096"]);
    let twice = expect([("good", ErrorCode::DUPLICATE_RESOURCE)]);
    assert_eq!(alter(driver, &[], &[set("good", SHA_256, 5000), set("good", SHA_512, 5000)]), twice);
    assert_eq!(alter(driver, &[delete("good", SHA_256)], &[set("good", SHA_512, 5000)]), twice);
    // The first fault counts.
    let absent = expect([("good", ErrorCode::RESOURCE_NOT_FOUND)]);
    assert_eq!(alter(driver, &[delete("good", SHA_512)], &[set("good", SHA_512, 1)]), absent);
    assert_eq!(describe(driver, None), ["good: 1*4096"]);
}
