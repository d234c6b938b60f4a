//! What a property's text may say: its kind, the rule that its value must keep, and the two ways to say that it does
//! not.
//!
//! One reading serves both tables of this module, the broker's settings and the topics' properties. Only the complaint
//! differs: an operator gets a sentence that says what would be right ([`Rule::expected`]), a client gets the words
//! that Kafka's own answer would have ([`Problem::message`]), because programs look for them.

use super::listener::Listener;

/// The type of a property, numbered as DescribeConfigs numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Kind {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// A property's value, read from its text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    List(Vec<String>),
}

/// What a value must keep beyond its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    /// From the first to the second, or the third.
    BetweenOr(i64, i64, i64),
    /// At least 1, or below zero for no limit.
    OrUnlimited,
    /// A fraction of the whole, from 0 to 1.
    Ratio,
    OneOf(&'static [&'static str]),
    ListOf(&'static [&'static str]),
    /// `*`, or a list of partition:broker.
    Replicas,
    /// A list of NAME://HOST:PORT.
    Listeners,
}

/// Why a text is not a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// The text is not of the kind; what Kafka says of it.
    Kind { text: String, complaint: String },
    /// The value breaks the rule; what Kafka says of it.
    Rule { value: String, complaint: String },
    /// An element of a list that must name something is empty.
    EmptyElement,
}

/// Reads `text` as a value of this kind that keeps the rule.
pub fn parse(kind: Kind, rule: Rule, text: &str) -> Result<Value, Problem> {
    let mut value = kind.parse(text)?;
    rule.check(&value)?;
    if let (Rule::ListOf(known), Value::List(elements)) = (rule, &mut value) {
        // A set of choices: what is named twice counts once.
        let mut seen = Vec::with_capacity(known.len());
        elements.retain(|element| {
            let is_first = !seen.contains(element);
            seen.push(element.clone());
            is_first
        });
    }
    Ok(value)
}

impl Kind {
    fn parse(self, text: &str) -> Result<Value, Problem> {
        let trimmed = text.trim();
        let value = match self {
            Kind::Boolean => boolean(trimmed),
            Kind::String => Some(Value::Text(trimmed.to_owned())),
            Kind::Int => trimmed.parse::<i32>().ok().map(|number| Value::Integer(number.into())),
            Kind::Long => trimmed.parse().ok().map(Value::Integer),
            Kind::Double => double(trimmed),
            Kind::List => Some(Value::List(list(trimmed))),
        };
        value.ok_or_else(|| Problem::Kind { text: text.to_owned(), complaint: self.complaint() })
    }

    fn complaint(self) -> String {
        match self {
            Kind::Boolean => "Expected value to be either true or false".to_owned(),
            _ => format!("Not a number of type {}", self.name()),
        }
    }

    /// Kafka's name of the kind.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Boolean => "BOOLEAN",
            Kind::String => "STRING",
            Kind::Int => "INT",
            Kind::Long => "LONG",
            Kind::Double => "DOUBLE",
            Kind::List => "LIST",
        }
    }
}

fn boolean(text: &str) -> Option<Value> {
    if text.eq_ignore_ascii_case("true") {
        Some(Value::Boolean(true))
    } else if text.eq_ignore_ascii_case("false") {
        Some(Value::Boolean(false))
    } else {
        None
    }
}

/// Rust also reads words such as `inf` as a number; a property's number is made of digits.
fn double(text: &str) -> Option<Value> {
    let numeric = text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    if numeric { text.parse().ok().map(Value::Double) } else { None }
}

/// Splits at the commas; an empty text is an empty list, but `a,` has an empty second element.
fn list(text: &str) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { text.split(',').map(|element| element.trim().to_owned()).collect() }
}

impl Value {
    /// The text that DescribeConfigs shows, which need not be the text that was given: ` 007 ` is shown as `7`.
    pub fn show(&self) -> String {
        match self {
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Double(value) => show_double(*value),
            Value::Text(value) => value.clone(),
            Value::List(elements) => elements.join(","),
        }
    }
}

/// The text that Java gives a double: plain digits near 1, one digit before the point and an exponent elsewhere.
fn show_double(value: f64) -> String {
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        return format!("{value:?}");
    }
    let scientific = format!("{value:E}");
    match scientific.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => scientific,
    }
}

impl Rule {
    pub(super) fn check(self, value: &Value) -> Result<(), Problem> {
        match (self, value) {
            (Rule::Any, _) => Ok(()),
            (Rule::AtLeast(low), Value::Integer(number)) => self.in_range(value, *number, low, i64::MAX),
            (Rule::Between(low, high), Value::Integer(number)) => self.in_range(value, *number, low, high),
            (Rule::BetweenOr(low, high, other), Value::Integer(number)) => {
                let complaint = || format!("Value must be between {low} and {high} or equal to {other}");
                ensure((low..=high).contains(number) || *number == other, value, complaint)
            }
            (Rule::OrUnlimited, Value::Integer(number)) => {
                ensure(*number != 0, value, || "Value must be unlimited (-1) or at least 1".to_owned())
            }
            (Rule::Ratio, Value::Double(number)) => {
                ensure(*number >= 0.0, value, || "Value must be at least 0".to_owned())?;
                ensure(*number <= 1.0, value, || "Value must be no more than 1".to_owned())
            }
            (Rule::OneOf(known), Value::Text(text)) => ensure(known.contains(&text.as_str()), value, || one_of(known)),
            (Rule::ListOf(known), Value::List(elements)) => all_known(elements, known),
            (Rule::Replicas, Value::List(elements)) => {
                let shown = format!("[{}]", elements.join(", "));
                if are_replicas(elements) {
                    return Ok(());
                }
                Err(Problem::Rule { value: shown, complaint: REPLICAS.to_owned() })
            }
            (Rule::Listeners, Value::List(elements)) => {
                let parsed = elements.iter().all(|element| Listener::parse(element).is_some());
                ensure(parsed && !elements.is_empty(), value, || "Unable to parse to a broker endpoint".to_owned())
            }
            _ => Err(Problem::Rule { value: value.show(), complaint: "Value is of another type".to_owned() }),
        }
    }

    fn in_range(self, value: &Value, number: i64, low: i64, high: i64) -> Result<(), Problem> {
        ensure(number >= low, value, || format!("Value must be at least {low}"))?;
        ensure(number <= high, value, || format!("Value must be no more than {high}"))
    }

    /// What would be right, for the end of the sentence `… but it must be …`.
    pub fn expected(self, kind: Kind, text: &str) -> String {
        match (self, kind) {
            (_, Kind::Int) if is_above_int(text) => format!("a whole number of at most {}", i32::MAX),
            (Rule::AtLeast(low), _) => format!("a whole number of at least {low}"),
            (Rule::Between(low, high), _) => format!("a whole number from {low} to {high}"),
            (Rule::BetweenOr(low, high, other), _) => format!("a whole number from {low} to {high}, or {other}"),
            (Rule::OrUnlimited, _) => "a whole number of at least 1, or -1 for no limit".to_owned(),
            (Rule::Ratio, _) => "a number from 0 to 1".to_owned(),
            (Rule::OneOf(known), _) => format!("one of {}", known.join(", ")),
            (Rule::ListOf(known), _) => format!("a list, separated by commas, of {}", known.join(" and ")),
            (Rule::Replicas, _) => "*, or a list of partition:broker such as 0:1,1:1".to_owned(),
            (Rule::Listeners, _) => "a list of NAME://HOST:PORT such as PLAINTEXT://localhost:9092".to_owned(),
            (Rule::Any, Kind::Boolean) => "true or false".to_owned(),
            (Rule::Any, Kind::Double) => "a number".to_owned(),
            (Rule::Any, Kind::Int | Kind::Long) => "a whole number".to_owned(),
            (Rule::Any, Kind::String | Kind::List) => "a text".to_owned(),
        }
    }
}

fn is_above_int(text: &str) -> bool {
    text.trim().parse::<i128>().is_ok_and(|number| number > i32::MAX.into())
}

fn ensure(holds: bool, value: &Value, complaint: impl Fn() -> String) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(Problem::Rule { value: value.show(), complaint: complaint() }) }
}

fn one_of(known: &[&str]) -> String {
    format!("String must be one of: {}", known.join(", "))
}

fn all_known(elements: &[String], known: &[&str]) -> Result<(), Problem> {
    if elements.iter().any(String::is_empty) {
        return Err(Problem::EmptyElement);
    }
    match elements.iter().find(|element| !known.contains(&element.as_str())) {
        Some(element) => Err(Problem::Rule { value: element.clone(), complaint: one_of(known) }),
        None => Ok(()),
    }
}

/// Kafka names the property itself in the middle of this message; [`Problem::message`] puts it there.
const REPLICAS: &str = "{name} must be the literal '*' or a list of replicas in the following format: \
                        [partitionId]:[brokerId],[partitionId]:[brokerId],...";

fn are_replicas(elements: &[String]) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_replica = |element: &String| {
        element.is_empty()
            || element.split_once(':').is_some_and(|(partition, broker)| is_number(partition) && is_number(broker))
    };
    elements.iter().all(is_replica) || (elements.len() == 1 && elements.iter().all(|element| element == "*"))
}

impl Problem {
    /// The message that Kafka has for a topic's property.
    pub fn message(&self, name: &str) -> String {
        let (value, complaint) = match self {
            Problem::Kind { text, complaint } => (text, complaint),
            Problem::Rule { value, complaint } => (value, complaint),
            Problem::EmptyElement => return format!("Configuration '{name}' values must not be empty."),
        };
        format!("Invalid value {value} for configuration {name}: {}", complaint.replace("{name}", name))
    }
}

/// A Rust type that a setting's field may have.
pub trait Field: Sized {
    const KIND: Kind;

    /// `None` when the value is of another kind or does not fit.
    fn from_value(value: Value) -> Option<Self>;

    /// `None` when nothing is set and Kafka has no default either.
    fn to_value(&self) -> Option<Value>;
}

impl Field for bool {
    const KIND: Kind = Kind::Boolean;

    fn from_value(value: Value) -> Option<bool> {
        if let Value::Boolean(value) = value { Some(value) } else { None }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Boolean(*self))
    }
}

impl Field for i32 {
    const KIND: Kind = Kind::Int;

    fn from_value(value: Value) -> Option<i32> {
        if let Value::Integer(value) = value { value.try_into().ok() } else { None }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Integer((*self).into()))
    }
}

impl Field for i64 {
    const KIND: Kind = Kind::Long;

    fn from_value(value: Value) -> Option<i64> {
        if let Value::Integer(value) = value { Some(value) } else { None }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Integer(*self))
    }
}

impl Field for f64 {
    const KIND: Kind = Kind::Double;

    fn from_value(value: Value) -> Option<f64> {
        if let Value::Double(value) = value { Some(value) } else { None }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Double(*self))
    }
}

impl Field for String {
    const KIND: Kind = Kind::String;

    fn from_value(value: Value) -> Option<String> {
        if let Value::Text(value) = value { Some(value) } else { None }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Text(self.clone()))
    }
}

impl Field for Vec<String> {
    const KIND: Kind = Kind::List;

    fn from_value(value: Value) -> Option<Vec<String>> {
        if let Value::List(elements) = value { Some(elements) } else { None }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::List(self.clone()))
    }
}

/// An empty list of listeners is a setting that nobody made.
impl Field for Vec<Listener> {
    const KIND: Kind = Kind::List;

    fn from_value(value: Value) -> Option<Vec<Listener>> {
        let Value::List(elements) = value else { return None };
        elements.iter().map(|element| Listener::parse(element)).collect()
    }

    fn to_value(&self) -> Option<Value> {
        if self.is_empty() { None } else { Some(Value::List(self.iter().map(Listener::to_string).collect())) }
    }
}

impl<T: Field> Field for Option<T> {
    const KIND: Kind = T::KIND;

    fn from_value(value: Value) -> Option<Option<T>> {
        T::from_value(value).map(Some)
    }

    fn to_value(&self) -> Option<Value> {
        self.as_ref().and_then(T::to_value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, rule: Rule, text: &str, expect: &str) {
        let said = match parse(kind, rule, text) {
            Ok(value) => value.show(),
            Err(problem) => problem.message("x"),
        };
        assert_eq!(said, expect, "{kind:?} {rule:?} {text:?}");
    }

    #[test]
    fn numbers() {
        check(Kind::Long, Rule::Any, " 007 ", "7");
        check(Kind::Long, Rule::Any, "+5", "5");
        check(Kind::Long, Rule::Any, "", "Invalid value  for configuration x: Not a number of type LONG");
        check(Kind::Long, Rule::Any, "1.5", "Invalid value 1.5 for configuration x: Not a number of type LONG");
        check(
            Kind::Int,
            Rule::Any,
            "3000000000",
            "Invalid value 3000000000 for configuration x: Not a number of type INT",
        );
        check(Kind::Int, Rule::AtLeast(1), " 0", "Invalid value 0 for configuration x: Value must be at least 1");
        check(
            Kind::Int,
            Rule::Between(1, 17),
            "18",
            "Invalid value 18 for configuration x: Value must be no more than 17",
        );
        check(Kind::Int, Rule::BetweenOr(1, 9, -1), "-1", "-1");
        let or = "Invalid value 0 for configuration x: Value must be between 1 and 9 or equal to -1";
        check(Kind::Int, Rule::BetweenOr(1, 9, -1), "0", or);
        check(Kind::Long, Rule::OrUnlimited, "-2", "-2");
    }

    #[test]
    fn doubles_look_as_in_java() {
        for (text, expect) in [("0.5", "0.5"), ("1", "1.0"), (".5", "0.5"), ("0", "0.0"), ("1e-3", "0.001")] {
            check(Kind::Double, Rule::Ratio, text, expect);
        }
        check(Kind::Double, Rule::Ratio, "1e-4", "1.0E-4");
        check(Kind::Double, Rule::Ratio, "0.00012", "1.2E-4");
        check(
            Kind::Double,
            Rule::Ratio,
            "1e9",
            "Invalid value 1.0E9 for configuration x: Value must be no more than 1",
        );
        check(Kind::Double, Rule::Ratio, "-0.1", "Invalid value -0.1 for configuration x: Value must be at least 0");
        check(Kind::Double, Rule::Ratio, "inf", "Invalid value inf for configuration x: Not a number of type DOUBLE");
    }

    #[test]
    fn texts_and_lists() {
        let policies = Rule::ListOf(&["compact", "delete"]);
        check(Kind::Boolean, Rule::Any, " TRUE ", "true");
        let boolean = "Invalid value yes for configuration x: Expected value to be either true or false";
        check(Kind::Boolean, Rule::Any, "yes", boolean);
        check(Kind::String, Rule::OneOf(&["a", "b"]), " a ", "a");
        let other = "Invalid value A for configuration x: String must be one of: a, b";
        check(Kind::String, Rule::OneOf(&["a", "b"]), "A", other);
        check(Kind::List, policies, "compact , delete", "compact,delete");
        check(Kind::List, policies, "delete,compact,delete", "delete,compact");
        check(Kind::List, policies, "", "");
        check(Kind::List, policies, "delete,", "Configuration 'x' values must not be empty.");
        let unknown = "Invalid value foo for configuration x: String must be one of: compact, delete";
        check(Kind::List, policies, "compact,foo", unknown);
        check(Kind::List, Rule::Replicas, "*", "*");
        check(Kind::List, Rule::Replicas, "0:1,1:2", "0:1,1:2");
        let replicas = "Invalid value [0:1, *] for configuration x: x must be the literal '*' or a list of replicas \
                        in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...";
        check(Kind::List, Rule::Replicas, "0:1,*", replicas);
    }
}
