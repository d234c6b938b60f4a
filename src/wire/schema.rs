//! The `message!` macro: a schema that reads like Kafka's protocol guide becomes structs that read and write themselves.
//!
//! ```text
//! message! {
//!     /// What the struct is.
//!     pub struct Request {
//!         group_id: String,                               // in every version
//!         rebalance_timeout_ms: i32 [1..] = -1,           // from version 1 on; -1 where it is absent
//!         topics: Option<Vec<Topic>> [..; null 2..],      // in every version, but null only from version 2 on
//!         reason: Option<String> [8..];                   // null wherever the field exists
//!         tagged { 0 => cluster_id: Option<String> [12..] }   // KIP-482: sent only when it is not the default
//!     }
//!     pub struct Topic { name: String, metadata: Bytes }
//! }
//! ```
//!
//! A field's versions are any Rust range. The type decides the encoding: the reader and the writer know whether the version
//! is flexible, so a `String` finds its own form. A nullable field that holds `None` is written as an empty value in the
//! versions that know no null there. Field and struct names are those of Kafka's own schemas.
//!
//! Each struct also has a [`Shape`]: its schema as data, with which one can go through a message's bytes without the
//! struct.

use std::fmt::Debug;

use bytes::Bytes;

use super::payload::Payload;
use super::reader::{ReadError, Reader};
use super::uuid::Uuid;
use super::writer::Writer;

/// The schema of a type, as data.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Bool,
    I8,
    I16,
    U16,
    I32,
    U32,
    I64,
    F64,
    Uuid,
    ErrorCode,
    String,
    Bytes,
    /// Record batches: encoded as bytes.
    Records,
    Array(&'static Shape),
    /// Can be null, in the versions that [`FieldShape::null`] names.
    Nullable(&'static Shape),
    Struct {
        name: &'static str,
        fields: &'static [FieldShape],
    },
}

/// One field of a [`Shape::Struct`].
#[derive(Debug, Clone, Copy)]
pub struct FieldShape {
    pub name: &'static str,
    pub shape: Shape,
    /// The tag of a tagged field. Those come after all others.
    pub tag: Option<u32>,
    /// Whether a version has the field.
    pub versions: fn(i16) -> bool,
    /// The range of those versions as the schema has it, empty for all.
    pub versions_text: &'static str,
    /// Whether the field can be null in a version, if it is nullable at all.
    pub null: fn(i16) -> bool,
}

/// A value that can be a field of a message.
pub trait Field: Sized + Debug {
    const SHAPE: Shape;

    fn read(reader: &mut Reader) -> Result<Self, ReadError>;
    fn write(&self, writer: &mut Writer);

    /// Reads the field in a version in which it must not be null.
    fn read_present(reader: &mut Reader) -> Result<Self, ReadError> {
        Self::read(reader)
    }

    /// Writes the field in a version in which it must not be null.
    fn write_present(&self, writer: &mut Writer) {
        self.write(writer);
    }

    /// The field of a response that tells for how long a quota makes the client wait, if it has one.
    fn throttle_time_ms(&mut self) -> Option<&mut i32> {
        None
    }
}

/// A value that has an encoding for 'null'.
pub trait Nullable: Field + Default {
    fn read_nullable(reader: &mut Reader) -> Result<Option<Self>, ReadError>;
    fn write_nullable(value: Option<&Self>, writer: &mut Writer);
}

/// The body of a request or a response.
pub trait Message: Field + Default + PartialEq + Clone {}

impl<T: Field + Default + PartialEq + Clone> Message for T {}

impl<T: Nullable> Field for Option<T> {
    const SHAPE: Shape = Shape::Nullable(&T::SHAPE);

    fn read(reader: &mut Reader) -> Result<Self, ReadError> {
        T::read_nullable(reader)
    }

    fn write(&self, writer: &mut Writer) {
        T::write_nullable(self.as_ref(), writer);
    }

    fn read_present(reader: &mut Reader) -> Result<Self, ReadError> {
        T::read(reader).map(Some)
    }

    fn write_present(&self, writer: &mut Writer) {
        match self {
            Some(value) => value.write(writer),
            None => T::default().write(writer),
        }
    }
}

macro_rules! number {
    ($($type:ident $shape:ident)*) => { $(
        impl Field for $type {
            const SHAPE: Shape = Shape::$shape;

            fn read(reader: &mut Reader) -> Result<Self, ReadError> {
                reader.$type()
            }

            fn write(&self, writer: &mut Writer) {
                writer.$type(*self);
            }
        }
    )* };
}

number! { i8 I8 i16 I16 u16 U16 i32 I32 u32 U32 i64 I64 f64 F64 }

impl Field for bool {
    const SHAPE: Shape = Shape::Bool;

    fn read(reader: &mut Reader) -> Result<Self, ReadError> {
        Ok(reader.i8()? != 0)
    }

    fn write(&self, writer: &mut Writer) {
        writer.i8(i8::from(*self));
    }
}

impl Field for Uuid {
    const SHAPE: Shape = Shape::Uuid;

    fn read(reader: &mut Reader) -> Result<Self, ReadError> {
        reader.uuid().map(Uuid)
    }

    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }
}

/// Implements [`Field`] for a type that can be null, out of its nullable reading and writing.
macro_rules! nullable {
    (
        $type:ty $(, $param:ident)?;
        $shape:expr;
        $reader:ident => $read:expr;
        ($value:ident, $writer:ident) => $write:expr
    ) => {
        impl$(<$param: Field>)? Nullable for $type {
            fn read_nullable($reader: &mut Reader) -> Result<Option<Self>, ReadError> {
                $read
            }

            fn write_nullable($value: Option<&Self>, $writer: &mut Writer) {
                $write
            }
        }

        impl$(<$param: Field>)? Field for $type {
            const SHAPE: Shape = $shape;

            fn read(reader: &mut Reader) -> Result<Self, ReadError> {
                Self::read_nullable(reader)?.ok_or(ReadError::NullNotAllowed)
            }

            fn write(&self, writer: &mut Writer) {
                Self::write_nullable(Some(self), writer);
            }
        }
    };
}

nullable! {
    String;
    Shape::String;
    reader => reader.string();
    (value, writer) => writer.string(value.map(String::as_str))
}

nullable! {
    Bytes;
    Shape::Bytes;
    reader => reader.bytes();
    (value, writer) => writer.bytes(value.map(Bytes::as_ref))
}

nullable! {
    Payload;
    Shape::Records;
    reader => Ok(reader.bytes()?.map(Payload::from));
    (value, writer) => writer.payload(value)
}

nullable! {
    Vec<T>, T;
    Shape::Array(&T::SHAPE);
    reader => read_array(reader);
    (value, writer) => write_array(value.map(Vec::as_slice), writer)
}

fn read_array<T: Field>(reader: &mut Reader) -> Result<Option<Vec<T>>, ReadError> {
    let Some(count) = reader.count()? else { return Ok(None) };
    // The vector grows with the elements that are really there, not with what the count promises.
    let mut elements = Vec::new();
    for _ in 0..count {
        elements.push(T::read(reader)?);
    }
    Ok(Some(elements))
}

fn write_array<T: Field>(elements: Option<&[T]>, writer: &mut Writer) {
    writer.count(elements.map(<[T]>::len));
    elements.unwrap_or_default().iter().for_each(|element| element.write(writer));
}

/// The field with the name `throttle_time_ms`, of a struct's field.
macro_rules! throttle_time_ms {
    ($self:ident throttle_time_ms) => {
        Some(&mut $self.throttle_time_ms)
    };
    ($self:ident $other:ident) => {
        None
    };
}

/// Whether a version lies in a field's range; without a range it does.
macro_rules! in_versions {
    ($version:expr;) => {
        true
    };
    ($version:expr; $range:expr) => {
        std::ops::RangeBounds::contains(&$range, &$version)
    };
}

/// A field's row in the shape of its struct.
macro_rules! field_shape {
    ($field:ident: $type:ty, $tag:expr, [$($versions:expr)?], [$($null:expr)?]) => {
        $crate::wire::schema::FieldShape {
            name: stringify!($field),
            shape: <$type as $crate::wire::schema::Field>::SHAPE,
            tag: $tag,
            versions: |_version| $crate::wire::schema::in_versions!(_version; $($versions)?),
            versions_text: stringify!($($versions)?),
            null: |_version| $crate::wire::schema::in_versions!(_version; $($null)?),
        }
    };
}

/// A field's default: its own, or that of its type.
macro_rules! default_or {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

macro_rules! message {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                $(#[$field_meta:meta])*
                $field:ident : $type:ty $([$versions:expr $(; null $null:expr)?])? $(= $default:expr)?
            ),* $(,)?
            $(; tagged { $(
                $(#[$tagged_meta:meta])*
                $tag:literal => $tagged:ident : $tagged_type:ty $([$tagged_versions:expr])? $(= $tagged_default:expr)?
            ),* $(,)? })?
        }
    )*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
            $($( $(#[$tagged_meta])* pub $tagged: $tagged_type, )*)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $( $field: $crate::wire::schema::default_or!($($default)?), )*
                    $($( $tagged: $crate::wire::schema::default_or!($($tagged_default)?), )*)?
                }
            }
        }

        impl $crate::wire::schema::Field for $name {
            const SHAPE: $crate::wire::schema::Shape = $crate::wire::schema::Shape::Struct {
                name: stringify!($name),
                fields: &[
                    $( $crate::wire::schema::field_shape!($field: $type, None, [$($versions)?], [$($($null)?)?]), )*
                    $($( $crate::wire::schema::field_shape!(
                        $tagged: $tagged_type, Some($tag), [$($tagged_versions)?], []
                    ), )*)?
                ],
            };

            fn read(reader: &mut $crate::wire::reader::Reader) -> Result<Self, $crate::wire::reader::ReadError> {
                #[allow(unused_mut, reason = "only a struct with tagged fields changes after its fields were read")]
                let mut message = Self {
                    $( $field: if !$crate::wire::schema::in_versions!(reader.version(); $($versions)?) {
                        $crate::wire::schema::default_or!($($default)?)
                    } else if $crate::wire::schema::in_versions!(reader.version(); $($($null)?)?) {
                        <$type as $crate::wire::schema::Field>::read(reader)?
                    } else {
                        <$type as $crate::wire::schema::Field>::read_present(reader)?
                    }, )*
                    $($( $tagged: $crate::wire::schema::default_or!($($tagged_default)?), )*)?
                };
                if reader.flexible() {
                    reader.tagged_fields(|_reader, tag| match tag {
                        $($( $tag if $crate::wire::schema::in_versions!(_reader.version(); $($tagged_versions)?) => {
                            message.$tagged = $crate::wire::schema::Field::read(_reader)?;
                            Ok(true)
                        } )*)?
                        _ => Ok(false),
                    })?;
                }
                Ok(message)
            }

            fn write(&self, writer: &mut $crate::wire::writer::Writer) {
                $( if !$crate::wire::schema::in_versions!(writer.version(); $($versions)?) {
                } else if $crate::wire::schema::in_versions!(writer.version(); $($($null)?)?) {
                    $crate::wire::schema::Field::write(&self.$field, writer);
                } else {
                    $crate::wire::schema::Field::write_present(&self.$field, writer);
                } )*
                if writer.flexible() {
                    #[allow(unused_mut, reason = "most structs have no tagged field")]
                    let mut tagged_fields = $crate::wire::writer::TaggedFields::new();
                    $($( let default: $tagged_type = $crate::wire::schema::default_or!($($tagged_default)?);
                    if $crate::wire::schema::in_versions!(writer.version(); $($tagged_versions)?) && self.$tagged != default {
                        writer.tagged_field(&mut tagged_fields, $tag, |writer| {
                            $crate::wire::schema::Field::write(&self.$tagged, writer);
                        });
                    } )*)?
                    writer.tagged_fields(tagged_fields);
                }
            }

            fn throttle_time_ms(&mut self) -> Option<&mut i32> {
                None $( .or($crate::wire::schema::throttle_time_ms!(self $field)) )*
            }
        }

        impl $crate::wire::schema::Nullable for $name {
            fn read_nullable(
                reader: &mut $crate::wire::reader::Reader,
            ) -> Result<Option<Self>, $crate::wire::reader::ReadError> {
                // A nullable struct has one byte in front: negative for null.
                match reader.i8()? {
                    ..0 => Ok(None),
                    0.. => $crate::wire::schema::Field::read(reader).map(Some),
                }
            }

            fn write_nullable(value: Option<&Self>, writer: &mut $crate::wire::writer::Writer) {
                writer.i8(if value.is_some() { 1 } else { -1 });
                if let Some(value) = value {
                    $crate::wire::schema::Field::write(value, writer);
                }
            }
        }
    )* };
}

pub(crate) use {default_or, field_shape, in_versions, message, throttle_time_ms};
